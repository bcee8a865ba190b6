//! Controller properties (Base 3.1.4).

use crate::Error;
use crate::Result;
use crate::spec::Aqa;
use crate::spec::Cap;
use crate::spec::Cc;
use crate::spec::Crto;
use crate::spec::Csts;
use crate::spec::Property;
use crate::spec::Vs;
use crate::transport::Function;
use crate::transport::TransportResult;

use super::Controller;
use super::pci::Msix;

/// The controller's properties, read and written over the transport each time.
#[derive(Clone, Copy)]
pub struct Registers<'c> {
    controller: &'c Controller,
}

impl Controller {
    /// Returns the controller's properties.
    pub fn registers(&self) -> Registers<'_> {
        Registers { controller: self }
    }
}

impl Registers<'_> {
    fn function(&self) -> &dyn Function {
        &**self.controller.function()
    }

    /// Reads a 32-bit property.
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached.
    pub fn read32(&self, property: Property) -> Result<u32> {
        Ok(self.function().read32(property.0.into())?)
    }

    /// Reads a 64-bit property in one access.
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached.
    pub fn read64(&self, property: Property) -> Result<u64> {
        Ok(self.function().read64(property.0.into())?)
    }

    /// Reads BAR0 with one access of `data.len()` bytes: 1, 2, 4 or 8.
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached or the transport refuses the width.
    pub fn read_bytes(&self, offset: u32, data: &mut [u8]) -> TransportResult {
        self.function().bar_read(offset.into(), data)
    }

    /// Writes a 32-bit property.
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached, and for what would let the device use memory that was not
    /// given to it: enabling the controller (the admin queue still holds the commands of before), ringing a
    /// doorbell of a queue, moving the Controller Memory Buffer or Persistent Memory Region into host memory,
    /// reading a Boot Partition, changing the MSI-X Table. [`Controller::reset_with`] enables the controller with any configuration.
    pub fn write32(&self, property: Property, value: u32) -> Result {
        self.check(property, 4, value.into())?;
        Ok(self.function().write32(property.0.into(), value)?)
    }

    /// Writes a 64-bit property in one access.
    ///
    /// # Errors
    ///
    /// As for [`write32`](Self::write32).
    pub fn write64(&self, property: Property, value: u64) -> Result {
        self.check(property, 8, value)?;
        Ok(self.function().write64(property.0.into(), value)?)
    }

    /// CAP: Controller Capabilities (Base 3.1.4.1).
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached.
    pub fn cap(&self) -> Result<Cap> {
        Ok(Cap::from(self.read64(Property::CAP)?))
    }

    /// VS: Version (Base 3.1.4.2).
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached.
    pub fn vs(&self) -> Result<Vs> {
        Ok(Vs::from(self.read32(Property::VS)?))
    }

    /// CC: Controller Configuration (Base 3.1.4.5).
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached.
    pub fn cc(&self) -> Result<Cc> {
        Ok(Cc::from(self.read32(Property::CC)?))
    }

    /// CSTS: Controller Status (Base 3.1.4.6).
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached.
    pub fn csts(&self) -> Result<Csts> {
        Ok(Csts::from(self.read32(Property::CSTS)?))
    }

    /// AQA: Admin Queue Attributes (Base 3.1.4.8).
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached.
    pub fn aqa(&self) -> Result<Aqa> {
        Ok(Aqa::from(self.read32(Property::AQA)?))
    }

    /// CRTO: Controller Ready Timeouts (Base 3.1.4.21).
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached.
    pub fn crto(&self) -> Result<Crto> {
        Ok(Crto::from(self.read32(Property::CRTO)?))
    }

    /// Whether a write to these bytes reaches a doorbell of a queue that there is.
    fn rings_a_queue(&self, start: u32, end: u32) -> bool {
        let shared = self.controller.shared();
        let first = shared.sq_tail_doorbell(0);
        let head = shared.cq_head_doorbell(0) - first;
        let pair = shared.sq_tail_doorbell(1) - first;
        let dwords = (start & !3..end).step_by(4).filter(|dword| first <= *dword);
        let mut doorbells = dwords.map(|dword| ((dword - first) / pair, (dword - first) % pair));
        doorbells.any(|(qid, at)| match u16::try_from(qid) {
            Ok(0) => at == 0 || at == head,
            Ok(qid) if at == 0 => shared.queues().has_sq(qid),
            Ok(qid) if at == head => shared.queues().has_cq(qid),
            _ => false,
        })
    }

    /// Refuses a write of `width` bytes that would give the device memory that is not its own.
    fn check(&self, property: Property, width: u32, value: u64) -> Result {
        const MEMORY: [Property; 5] = [
            Property::BPRSEL,
            Property::BPMBL,
            Property::CMBMSC,
            Property::PMRMSCL,
            Property::PMRMSCU,
        ];
        const ADMIN_QUEUE: [Property; 3] = [Property::AQA, Property::ASQ, Property::ACQ];
        let refuse = |what: &str| Err(Error::Failed(format!("a write to {property} would {what}")));
        let end = property.0.saturating_add(width);
        let touches = |it: &Property| property.0 < it.0 + it.size() && it.0 < end;
        if self.rings_a_queue(property.0, end) {
            return refuse("ring the doorbell of a queue: make one with `raw_submission_queue`");
        }
        if MEMORY.iter().any(touches) {
            return refuse("let the device claim host memory");
        }
        if self.controller.pci().msix()?.is_some_and(|Msix { table, .. }| {
            u64::from(property.0) < table.end && table.start < u64::from(end)
        }) {
            return refuse("move an interrupt, which is a write to host memory");
        }
        if touches(&Property::CC) {
            if property != Property::CC || width != Property::CC.size() {
                return refuse("change a part of CC, or CC and what stands beside it");
            }
            let (now, then) = (self.cc()?, Cc::from(value as u32));
            if then.en() && !now.en() {
                return refuse("enable the controller behind the driver's back: use `reset_with`");
            }
            let sizes = |cc: Cc| (cc.mps(), cc.iosqes(), cc.iocqes());
            if then.en() && sizes(then) != sizes(now) {
                return refuse(
                    "change what the controller takes for a memory page or an entry: use `reset_with`",
                );
            }
        }
        if ADMIN_QUEUE.iter().any(touches) && self.cc()?.en() {
            return refuse("change the admin queue of a controller that is enabled");
        }
        Ok(())
    }
}
