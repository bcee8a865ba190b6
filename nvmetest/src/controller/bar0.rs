//! The address of BAR0: what its register holds, and the function at another (PCIe 7.5.1.2.1).

use crate::Result;
use crate::spec::pci::Bar;
use crate::spec::pci::offset;
use crate::transport::Relocation;

use super::Controller;
use super::put_back;
use super::put_back::PutBack;

impl Controller {
    /// Gives BAR0 another address (PCIe 7.5.1.2.1), has `run` use the controller there, and gives it back the one that it had.
    ///
    /// The controller is not reset: all of it goes on, as the admin queue does. A reset of the function within `run` has BAR0 where
    /// it was. Interrupts cannot be set up meanwhile over each transport.
    ///
    /// # Errors
    ///
    /// Fails if BAR0 cannot be moved ([`BAR_RELOCATION`](crate::capability::BAR_RELOCATION)), if the function cannot be reached, and
    /// as `run` does.
    pub fn with_bar0_elsewhere<T>(
        &mut self,
        run: impl FnOnce(&Controller, &Relocation) -> Result<T>,
    ) -> Result<T> {
        // A worker would ring a doorbell that is somewhere else.
        self.shared().end_workers("BAR0 was given another address");
        let function = self.function().clone();
        let relocation = function.move_bar0()?;
        let before = PutBack::by(|| Ok(function.put_bar0_back()?));
        let done = run(self, &relocation);
        before.now()?;
        done
    }

    /// Sizes BAR0 (PCIe 7.5.1.2.1): returns the address space that it asks for in bytes, a power of two.
    ///
    /// # Errors
    ///
    /// Fails if the function cannot be reached.
    pub fn bar0_size(&mut self) -> Result<u64> {
        let is_wide = Bar::from(self.pci().read32(offset::BAR0)?).is_64_bit();
        let kept = self.bar0_keeps(&[u64::MAX])?.remove(0);
        Ok(if is_wide { kept.wrapping_neg() } else { (kept as u32).wrapping_neg().into() })
    }

    /// Writes addresses to BAR0 while memory space is disabled, returns what the register holds of each, and puts back what was there
    /// (PCIe 7.5.1.2.1).
    ///
    /// Of an address, a BAR of 32 bits gets the lower half. Over VFIO, it is the kernel that keeps what is written.
    ///
    /// # Errors
    ///
    /// Fails if the function cannot be reached.
    pub fn bar0_keeps(&mut self, addresses: &[u64]) -> Result<Vec<u64>> {
        let function = self.function().clone();
        self.without_memory_space(|pci| {
            let is_wide = Bar::from(pci.read32(offset::BAR0)?).is_64_bit();
            let low = put_back::register::<4>(&*function, offset::BAR0)?;
            let high = put_back::register::<4>(&*function, offset::BAR0 + 4)?;
            let ask = |register: u16, value: u32| -> Result<u32> {
                function.write_config(register, &value.to_le_bytes())?;
                pci.read32(register)
            };
            let ask = |address: &u64| -> Result<u64> {
                let low = Bar::from(ask(offset::BAR0, *address as u32)?);
                let above = (address >> 32) as u32;
                let high = if is_wide { ask(offset::BAR0 + 4, above)? } else { 0 };
                Ok(low.address_with(high))
            };
            let kept = addresses.iter().map(ask).collect();
            low.now()?;
            high.now()?;
            kept
        })
    }

    /// Returns the address that BAR0 holds (PCIe 7.5.1.2.1).
    ///
    /// # Errors
    ///
    /// Fails if the function cannot be reached.
    pub fn bar0_address(&self) -> Result<u64> {
        let low = Bar::from(self.pci().read32(offset::BAR0)?);
        let high = if low.is_64_bit() { self.pci().read32(offset::BAR0 + 4)? } else { 0 };
        Ok(low.address_with(high))
    }
}
