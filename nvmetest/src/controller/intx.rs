//! INTx: the interrupt that is a level, and no message (PCIe transport 3.5).

use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::eventfd::EfdFlags;
use nix::sys::eventfd::EventFd;

use crate::Error;
use crate::Result;
use crate::spec::pci::Command;
use crate::spec::pci::offset;

use super::Controller;
use super::interrupts::signal;
use super::put_back;

/// INTx, enabled and counted; disabled when dropped.
///
/// All completion queues with vector 0 assert it as long as they hold completions that the host has not taken. It signals once,
/// and is masked then until it is [unmasked](Self::unmask).
#[derive(Debug)]
pub struct Intx<'c> {
    controller: &'c Controller,
    eventfd: EventFd,
}

impl Controller {
    /// Enables INTx, where the way to the device delivers it ([`INTX`](crate::capability::INTX)). Neither MSI-X nor MSI may be
    /// enabled.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::NotApplicable`] where it is not delivered.
    pub fn intx(&self) -> Result<Intx<'_>> {
        if !self.function().abilities().intx {
            let what = format!("INTx is not delivered by {}", self.function().uri());
            return Err(Error::NotApplicable(what));
        }
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let eventfd = EventFd::from_value_and_flags(0, flags)
            .map_err(|error| Error::Blocked(format!("the kernel has no eventfds left: {error}")))?;
        self.function().set_intx(Some(eventfd.as_fd()))?;
        Ok(Intx { controller: self, eventfd })
    }
}

impl Intx<'_> {
    /// Returns how often it signalled since it was asked for the last time.
    pub fn take(&self) -> u64 {
        // An eventfd that was not written to says that it would block.
        self.eventfd.read().unwrap_or(0)
    }

    /// Sleeps until it has signalled.
    ///
    /// # Errors
    ///
    /// Fails if it does not within `limit`, and if the device is gone.
    pub fn wait(&self, limit: Duration) -> Result {
        signal(&**self.controller.function(), &self.eventfd, "INTx", limit).map(drop)
    }

    /// Unmasks it: it signals again, at once if the function still asserts it.
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached.
    pub fn unmask(&self) -> Result {
        Ok(self.controller.function().unmask_intx()?)
    }

    /// Sets Interrupt Disable (PCIe 7.5.1.1.3), has `run` do what it does, and clears it: meanwhile the function does not assert
    /// INTx, and says in [Interrupt Status](crate::spec::pci::Status::interrupt) whether it would.
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached, and as `run` does.
    pub fn while_disabled<T>(&self, run: impl FnOnce() -> Result<T>) -> Result<T> {
        let function = &**self.controller.function();
        let before = put_back::register::<2>(function, offset::COMMAND)?;
        let command = Command::from(self.controller.pci().read16(offset::COMMAND)?);
        let command = command.with_interrupt_disable(true);
        function.write_config(offset::COMMAND, &u16::from(command).to_le_bytes())?;
        let done = run();
        before.now()?;
        done
    }
}

impl Drop for Intx<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.controller.function().set_intx(None)
            && self.controller.function().check_alive().is_ok()
        {
            self.controller.shared().complain(format!("INTx could not be disabled: {error}"));
        }
    }
}
