//! What the function is allowed to do: answer, reach memory, be awake (PCIe transport 3.8.1, PCIe transport 3.8.2).

use std::thread;
use std::time::Duration;

use crate::Error;
use crate::Result;
use crate::spec::pci::CapabilityId;
use crate::spec::pci::Command;
use crate::spec::pci::Pmcsr;
use crate::spec::pci::PowerState;
use crate::spec::pci::offset;
use crate::spec::pci::power;

use super::Controller;
use super::PciFunction;
use super::put_back;

/// How long a function takes at most from D0 to D3hot and back (PCIe 5.9).
const TRANSITION: Duration = Duration::from_millis(10);

impl Controller {
    /// Puts the function into D3hot (PCIe 5.3.1.4.1), has `look` see what it shows there, and puts it back into D0.
    ///
    /// Configuration space is all that answers in D3hot. Where No_Soft_Reset is set, as NVMe functions have it (PCIe
    /// transport 3.8.2), the controller is as before afterwards.
    ///
    /// # Errors
    ///
    /// Fails if the function has no Power Management, if it cannot be reached, and as `look` does.
    pub fn in_d3hot<T>(&mut self, look: impl FnOnce(PciFunction<'_>) -> Result<T>) -> Result<T> {
        // A worker would ring a doorbell that does not answer.
        self.shared().end_workers("the function was put into D3hot");
        let pci = self.pci();
        let capability = pci.capability(CapabilityId::POWER_MANAGEMENT.0)?;
        let missing = || Error::NotApplicable("the function has no Power Management".to_owned());
        let register = capability.ok_or_else(missing)? + power::CONTROL_STATUS;
        let before = put_back::register::<2>(&**self.function(), register)?;
        // To write PME_Status as it is read would clear it.
        let sleep = Pmcsr::from(pci.read16(register)?)
            .with_pme_status(false)
            .with_power_state(PowerState::D3HOT);
        self.function().write_config(register, &u16::from(sleep).to_le_bytes())?;
        thread::sleep(TRANSITION);
        let seen = look(pci);
        before.now()?;
        thread::sleep(TRANSITION);
        seen
    }

    /// Clears Memory Space Enable (PCIe transport 3.8.1.3), has `look` see configuration space, and sets it again.
    ///
    /// # Errors
    ///
    /// Fails if the function cannot be reached, and as `look` does.
    pub fn without_memory_space<T>(
        &mut self,
        look: impl FnOnce(PciFunction<'_>) -> Result<T>,
    ) -> Result<T> {
        self.shared().end_workers("the memory space of the function was disabled");
        let before = put_back::register::<2>(&**self.function(), offset::COMMAND)?;
        let pci = self.pci();
        let command = Command::from(pci.read16(offset::COMMAND)?).with_memory_space(false);
        self.function().write_config(offset::COMMAND, &u16::from(command).to_le_bytes())?;
        let seen = look(pci);
        before.now()?;
        seen
    }
}

impl PciFunction<'_> {
    /// Sets or clears Bus Master Enable (PCIe transport 3.8.1.3): without it the function reads and writes no memory, and sends no
    /// MSI-X.
    ///
    /// A reset of the function sets it again, one of the controller does not.
    ///
    /// # Errors
    ///
    /// Fails if the function cannot be reached.
    pub fn set_bus_master(&self, enable: bool) -> Result {
        let command = Command::from(self.read16(offset::COMMAND)?).with_bus_master(enable);
        Ok(self.function().write_config(offset::COMMAND, &u16::from(command).to_le_bytes())?)
    }
}
