//! The link of the function (PCIe 7.5.3.6 to PCIe 7.5.3.8).

use crate::Error;
use crate::Result;
use crate::spec::pci::CapabilityId;
use crate::spec::pci::LinkControl;
use crate::spec::pci::LinkStatus;
use crate::spec::pci::express;

use super::PciFunction;
use super::power_state::PutBack;

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
        let register = self.express_capability()? + express::LINK_STATUS;
        self.function().retrain_link()?;
        Ok(LinkStatus::from(self.read16(register)?))
    }

    fn express_capability(&self) -> Result<u16> {
        let missing =
            || Error::NotApplicable("the function has no PCI Express capability".to_owned());
        self.capability(CapabilityId::PCI_EXPRESS.0)?.ok_or_else(missing)
    }
}
