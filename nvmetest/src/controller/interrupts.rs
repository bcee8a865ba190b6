//! Interrupts, counted (PCIe transport 3.5).

use std::os::fd::AsFd;

use nix::sys::eventfd::EfdFlags;
use nix::sys::eventfd::EventFd;

use crate::Error;
use crate::Result;

use super::Controller;

/// MSI-X vectors that are enabled and counted; disabled when dropped.
///
/// Queues are polled all the same: a test looks at the counts.
#[derive(Debug)]
pub struct Interrupts<'c> {
    controller: &'c Controller,
    vectors: Vec<EventFd>,
}

impl Controller {
    /// Enables MSI-X with `vectors` vectors, from vector 0 on.
    ///
    /// # Errors
    ///
    /// Fails if the function has fewer, or if the transport cannot deliver them.
    pub fn interrupts(&self, vectors: u16) -> Result<Interrupts<'_>> {
        let have = self.function().abilities().msix_vectors;
        if have < vectors {
            let what = format!("{vectors} MSI-X vectors: {} has {have}", self.function().uri());
            return Err(Error::NotApplicable(what));
        }
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let make = |_| EventFd::from_value_and_flags(0, flags);
        let vectors: nix::Result<Vec<EventFd>> = (0..vectors).map(make).collect();
        let vectors = vectors
            .map_err(|error| Error::Blocked(format!("the kernel has no eventfds left: {error}")))?;
        let descriptors: Vec<_> = vectors.iter().map(AsFd::as_fd).collect();
        self.function().set_msix(0, &descriptors)?;
        Ok(Interrupts { controller: self, vectors })
    }
}

impl Interrupts<'_> {
    /// Returns how often the vector fired since it was asked for the last time.
    ///
    /// # Panics
    ///
    /// Panics if the vector was not enabled.
    pub fn take(&self, vector: u16) -> u64 {
        // An eventfd that was not written to says that it would block.
        self.vectors[usize::from(vector)].read().unwrap_or(0)
    }
}

impl Drop for Interrupts<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.controller.function().set_msix(0, &[])
            && self.controller.function().check_alive().is_ok()
        {
            self.controller.shared().complain(format!("MSI-X could not be disabled: {error}"));
        }
    }
}
