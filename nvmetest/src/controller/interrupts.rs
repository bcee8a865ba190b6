//! Interrupts: counted, awaited, masked (PCIe transport 3.5).

use std::cell::Cell;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::time::Duration;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sys::eventfd::EfdFlags;
use nix::sys::eventfd::EventFd;

use crate::Error;
use crate::Result;
use crate::spec::pci::MsixControl;
use crate::spec::pci::MsixTableEntry;
use crate::spec::pci::MsixVectorControl;
use crate::transport::Function;

use super::Controller;
use super::pci::Msix;

/// MSI-X vectors that are enabled and counted; disabled when dropped.
///
/// Queues are polled all the same: a test looks at the counts.
///
/// ```
/// use nvmetest::CqOptions;
/// use nvmetest::SqOptions;
/// use nvmetest::prelude::*;
/// use std::time::Duration;
///
/// # fn main() -> Result {
/// # let nvme = nvmetest_fixtures::soft::controller("soft:size=4MiB")?;
/// let interrupts = nvme.interrupts(2)?;
/// let q = nvme.qpair_with(SqOptions { entries: 8, priority: 0 }, CqOptions { entries: 8, vector: Some(1) })?;
///
/// interrupts.mask(1)?;
/// nvme.first_namespace()?.flush().run(&q)?;
/// interrupts.wait_pending(1, Duration::from_secs(5))?;
/// assert_eq!(interrupts.take(1), 0, "a masked vector does not signal");
///
/// interrupts.unmask(1)?;
/// assert_eq!(interrupts.wait(1, Duration::from_secs(5))?, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Interrupts<'c> {
    controller: &'c Controller,
    vectors: Vec<EventFd>,
    msix: Option<Msix>,
    /// Whether the function is masked, which outlasts its vectors.
    masks_function: Cell<bool>,
}

/// Where Vector Control stands in an entry of the table (PCIe 7.7.2.8).
const VECTOR_CONTROL: u64 = 12;
/// A device that has gone says nothing to who waits for an interrupt: it is looked at so often.
const LOOK_EVERY: Duration = Duration::from_millis(100);

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
        let msix = self.pci().msix()?;
        self.function().set_msix(0, &descriptors)?;
        Ok(Interrupts { controller: self, vectors, msix, masks_function: Cell::new(false) })
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

    /// Sleeps until the vector has fired, and returns how often it did since it was asked for the last time.
    ///
    /// # Errors
    ///
    /// Fails if it does not fire within `limit`, and if the device is gone.
    ///
    /// # Panics
    ///
    /// Panics if the vector was not enabled.
    pub fn wait(&self, vector: u16, limit: Duration) -> Result<u64> {
        let eventfd = &self.vectors[usize::from(vector)];
        signal(&**self.controller.function(), eventfd, &format!("vector {vector}"), limit)
    }

    /// Masks the vector: what it would signal is pending (PCIe 7.7.2.8).
    ///
    /// # Errors
    ///
    /// Fails with [`Error::NotApplicable`] where the way to the device does not let the host write to the table.
    ///
    /// # Panics
    ///
    /// Panics if the vector was not enabled.
    pub fn mask(&self, vector: u16) -> Result {
        self.set_mask(vector, true)
    }

    /// Unmasks the vector, which then signals what is pending.
    ///
    /// # Errors
    ///
    /// As for [`mask`](Self::mask).
    ///
    /// # Panics
    ///
    /// Panics if the vector was not enabled.
    pub fn unmask(&self, vector: u16) -> Result {
        self.set_mask(vector, false)
    }

    /// Masks all vectors, whatever their own bits say: Function Mask (PCIe 7.7.2.2).
    ///
    /// # Errors
    ///
    /// Fails with [`Error::NotApplicable`] where the way to the device does not let the host write it, as VFIO.
    pub fn mask_function(&self) -> Result {
        self.set_function_mask(true)
    }

    /// Takes the mask of the function away; each vector that is not masked itself signals what is pending.
    ///
    /// # Errors
    ///
    /// As for [`mask_function`](Self::mask_function).
    pub fn unmask_function(&self) -> Result {
        self.set_function_mask(false)
    }

    /// Whether the vector has something to signal, and is masked: its bit in the Pending Bit Array (PCIe 7.7.2.9).
    ///
    /// # Errors
    ///
    /// Fails with [`Error::NotApplicable`] if the array is not in BAR0.
    ///
    /// # Panics
    ///
    /// Panics if the vector was not enabled.
    pub fn is_pending(&self, vector: u16) -> Result<bool> {
        self.check(vector);
        let array = self.place()?.pending;
        let array = array.ok_or_else(|| not_here("the Pending Bit Array"))?;
        // Software reads qwords or dwords and nothing smaller.
        let dword = self.controller.function().read32(array + u64::from(vector / 32) * 4)?;
        Ok(dword >> (vector % 32) & 1 != 0)
    }

    /// Waits until the vector is [pending](Self::is_pending).
    ///
    /// # Errors
    ///
    /// Fails if it is not within `limit`, and as [`is_pending`](Self::is_pending) does.
    ///
    /// # Panics
    ///
    /// Panics if the vector was not enabled.
    pub fn wait_pending(&self, vector: u16, limit: Duration) -> Result {
        let start = Instant::now();
        while !self.is_pending(vector)? {
            if limit < start.elapsed() {
                let what =
                    format!("vector {vector} is masked, and was not pending within {limit:?}");
                return Err(Error::Failed(what));
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    /// What the vector signals, if it is enabled.
    pub(crate) fn eventfd(&self, vector: u16) -> Option<BorrowedFd<'_>> {
        self.vectors.get(usize::from(vector)).map(AsFd::as_fd)
    }

    fn set_mask(&self, vector: u16, mask: bool) -> Result {
        self.check(vector);
        let entry = size_of::<MsixTableEntry>() as u64 * u64::from(vector);
        let at = self.place()?.table.start + entry + VECTOR_CONTROL;
        let function = self.controller.function();
        let control = MsixVectorControl::from_bits(function.read32(at)?).with_mask(mask);
        function.write32(at, control.into_bits())?;
        // The read also sees to it that the write has arrived.
        if MsixVectorControl::from_bits(function.read32(at)?).mask() != mask {
            return Err(not_here("the mask of an MSI-X vector"));
        }
        Ok(())
    }

    fn set_function_mask(&self, mask: bool) -> Result {
        let at = self.place()?.control;
        let pci = self.controller.pci();
        let control = MsixControl::from(pci.read16(at)?).with_function_mask(mask);
        self.controller.function().write_config(at, &control.into_bits().to_le_bytes())?;
        if MsixControl::from(pci.read16(at)?).function_mask() != mask {
            return Err(not_here("Function Mask of MSI-X"));
        }
        self.masks_function.set(mask);
        Ok(())
    }

    fn place(&self) -> Result<&Msix> {
        self.msix.as_ref().ok_or_else(|| not_here("the MSI-X Table"))
    }

    fn check(&self, vector: u16) {
        let enabled = self.vectors.len();
        assert!(usize::from(vector) < enabled, "vector {vector} of {enabled} that are enabled");
    }
}

/// Sleeps until `eventfd` was signalled, and returns how often it was.
pub(super) fn signal(
    function: &dyn Function,
    eventfd: &EventFd,
    what: &str,
    limit: Duration,
) -> Result<u64> {
    let start = Instant::now();
    loop {
        // An eventfd that was not written to says that it would block.
        let fired = eventfd.read().unwrap_or(0);
        if fired != 0 {
            return Ok(fired);
        }
        let left = limit.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Err(Error::Failed(format!("{what} did not fire within {limit:?}")));
        }
        function.check_alive()?;
        let time = PollTimeout::try_from(left.min(LOOK_EVERY)).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(eventfd.as_fd(), PollFlags::POLLIN)], time) {
            Ok(_) | Err(Errno::EINTR) => (),
            Err(error) => {
                return Err(Error::Blocked(format!(
                    "the kernel does not wait for {what}: {error}"
                )));
            }
        }
    }
}

impl Drop for Interrupts<'_> {
    fn drop(&mut self) {
        let unmasked = if self.masks_function.get() { self.unmask_function() } else { Ok(()) };
        let disabled = self.controller.function().set_msix(0, &[]).map_err(Error::from);
        if let Err(error) = unmasked.and(disabled)
            && self.controller.function().check_alive().is_ok()
        {
            self.controller.shared().complain(format!("MSI-X could not be disabled: {error}"));
        }
    }
}

fn not_here(what: &str) -> Error {
    Error::NotApplicable(format!("{what} is out of the host's reach on the way to this device"))
}
