//! The link of the function, and the port at its other end (PCIe 7.5.3.4 to PCIe 7.5.3.8, PCIe 7.8.3).

mod end;
mod payload;
mod substates;

use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::Error;
use crate::Result;
use crate::spec::pci::CapabilityId;
use crate::spec::pci::LinkCapabilities;
use crate::spec::pci::LinkControl;
use crate::spec::pci::LinkStatus;
use crate::spec::pci::express;

use self::end::End;
use super::PciFunction;
use super::power_state::PutBack;

/// How long the training of a link may take: as long as Linux itself gives it.
const TRAINING: Duration = Duration::from_secs(1);

impl PciFunction<'_> {
    /// Sets ASPM Control in Link Control (PCIe 7.5.3.7), has `run` do what it does, and puts back what was there.
    ///
    /// Bit 0 of `aspm` is L0s, bit 1 is L1. The port above has to allow a state first (PCIe 5.4.1.3), which the platform does.
    ///
    /// # Errors
    ///
    /// Fails as `run` does, and with [`Error::NotApplicable`] if the function has no PCI Express capability, or if the way to the
    /// device does not let the host write the register, as VFIO does not unless who runs is root.
    pub fn with_aspm<T>(&self, aspm: u8, run: impl FnOnce() -> Result<T>) -> Result<T> {
        let register = self.express_capability()? + express::LINK_CONTROL;
        let before = PutBack::of::<2>(self.function(), register)?;
        let control = LinkControl::from(self.read16(register)?).with_aspm(aspm & 0b11);
        self.function().write_config(register, &u16::from(control).to_le_bytes())?;
        if LinkControl::from(self.read16(register)?).aspm() != aspm & 0b11 {
            let what = "ASPM Control does not take what is written: the function has it not, or VFIO keeps it from all but root";
            return Err(Error::NotApplicable(what.to_owned()));
        }
        let done = run();
        before.now()?;
        done
    }

    /// Has the port above train the link again (PCIe 7.5.3.7), waits until it has, and returns what the function says of the link
    /// then. Nothing is reset: what is in flight goes on.
    ///
    /// # Errors
    ///
    /// Fails if no such port can be reached ([`RETRAIN_LINK`](crate::capability::RETRAIN_LINK)), if the training does not end
    /// within a second, and if the function has no PCI Express capability.
    pub fn retrain_link(&self) -> Result<LinkStatus> {
        let function = End::function(*self)?;
        self.retrain_by(End::port(*self)?)?;
        status(function)
    }

    fn retrain_by(&self, port: End<'_>) -> Result {
        // What is written during a training may be lost on the port.
        self.wait_for(port, "a training that was under way did not end", |now| !now.training())?;
        let was_active = status(port)?.link_active();
        let register = port.express(express::LINK_CONTROL);
        let control = LinkControl::from(port.read16(register)?);
        port.word(register, control.with_retrain(true).into()).run()?;
        // Link Training is set from the write on, until the link runs (PCIe 7.5.3.8).
        let can = LinkCapabilities::from(port.read32(port.express(express::LINK_CAPABILITIES))?);
        let must_be_active = can.link_active_reporting() && was_active;
        self.wait_for(port, "the training of the link did not end", |now| {
            !now.training() && (now.link_active() || !must_be_active)
        })
    }

    fn wait_for(
        &self,
        port: End<'_>,
        otherwise: &str,
        is_done: impl Fn(LinkStatus) -> bool,
    ) -> Result {
        let deadline = Instant::now() + TRAINING;
        loop {
            let now = status(port)?;
            if is_done(now) {
                return Ok(());
            }
            if deadline < Instant::now() {
                let device = self.function().uri();
                let now = u16::from(now);
                return Err(Error::Failed(format!(
                    "{device}: {otherwise} within {TRAINING:?} (Link Status of the port above is {now:#06x})"
                )));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn express_capability(&self) -> Result<u16> {
        let missing =
            || Error::NotApplicable("the function has no PCI Express capability".to_owned());
        self.capability(CapabilityId::PCI_EXPRESS.0)?.ok_or_else(missing)
    }
}

/// Link Status.
fn status(end: End<'_>) -> Result<LinkStatus> {
    end.read16(end.express(express::LINK_STATUS)).map(LinkStatus::from)
}
