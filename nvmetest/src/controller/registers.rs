//! Controller properties (Base 3.1.4).

use crate::spec::{Aqa, Cap, Cc, Crto, Csts, Property, Vs};
use crate::transport::{Function, TransportResult};
use crate::{Error, Result};

use super::Controller;

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
    /// given to it: enabling the controller with an admin queue that is not the driver's, moving the Controller
    /// Memory Buffer or Persistent Memory Region into host memory. [`Controller::reset_with`] enables the
    /// controller with any configuration.
    pub fn write32(&self, property: Property, value: u32) -> Result {
        self.check(property, value.into())?;
        Ok(self.function().write32(property.0.into(), value)?)
    }

    /// Writes a 64-bit property in one access.
    ///
    /// # Errors
    ///
    /// As for [`write32`](Self::write32).
    pub fn write64(&self, property: Property, value: u64) -> Result {
        self.check(property, value)?;
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

    /// Refuses what would give the device memory that is not its own.
    fn check(&self, property: Property, value: u64) -> Result {
        let refuse = |what: &str| Err(Error::Failed(format!("a write to {property} would {what}")));
        match property {
            Property::CC if Cc::from(value as u32).en() => {
                let mine = self.controller.admin_queue_is_set()?;
                if mine || self.cc()?.en() {
                    return Ok(());
                }
                refuse("enable the controller with an admin queue that the driver does not hold")
            }
            Property::CMBMSC | Property::PMRMSCL | Property::PMRMSCU | Property::BPMBL => {
                refuse("let the device claim host memory")
            }
            Property::ASQ | Property::ACQ | Property::AQA if self.cc()?.en() => {
                refuse("change the admin queue of a controller that is enabled")
            }
            _ => Ok(()),
        }
    }
}
