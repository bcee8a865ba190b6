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
use super::pci::Msi;
use super::pci::Msix;

/// Vectors that are enabled and counted; disabled when dropped. They are those of MSI-X, or of MSI where the device is used
/// with that ([`InterruptKind`](crate::transport::InterruptKind)).
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
    place: Place,
    /// Whether there is a mask that outlasts the vectors: Function Mask of MSI-X, or Mask Bits of MSI.
    leaves_mask: Cell<bool>,
}

/// Where vectors are masked.
#[derive(Debug)]
enum Place {
    Msix(Msix),
    Msi(Msi),
    Nowhere,
}

/// Where Vector Control stands in an entry of the table (PCIe 7.7.2.8).
const VECTOR_CONTROL: u64 = 12;
/// A device that has gone says nothing to who waits for an interrupt: it is looked at so often.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Controller {
    /// Enables MSI-X or MSI with `vectors` vectors, from vector 0 on. Of MSI, the function is given as many messages: the next
    /// power of two (PCIe 7.7.1.2).
    ///
    /// # Errors
    ///
    /// Fails if the function has fewer, or if the transport cannot deliver them.
    pub fn interrupts(&self, vectors: u16) -> Result<Interrupts<'_>> {
        let abilities = self.function().abilities();
        let have = abilities.vectors();
        if have < vectors {
            let kind = if abilities.msi_vectors == 0 { "MSI-X" } else { "MSI" };
            let what = format!("{vectors} {kind} vectors: {} has {have}", self.function().uri());
            return Err(Error::NotApplicable(what));
        }
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let make = |_| EventFd::from_value_and_flags(0, flags);
        let vectors: nix::Result<Vec<EventFd>> = (0..vectors).map(make).collect();
        let vectors = vectors
            .map_err(|error| Error::Blocked(format!("the kernel has no eventfds left: {error}")))?;
        let descriptors: Vec<_> = vectors.iter().map(AsFd::as_fd).collect();
        let place = match abilities.msi_vectors {
            0 => self.pci().msix()?.map(Place::Msix),
            _ => self.pci().msi()?.map(Place::Msi),
        };
        let place = place.unwrap_or(Place::Nowhere);
        self.function().set_vectors(0, &descriptors)?;
        Ok(Interrupts { controller: self, vectors, place, leaves_mask: Cell::new(false) })
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

    /// Masks the vector: what it would signal is pending (PCIe 7.7.2.8, PCIe 7.7.1.7).
    ///
    /// # Errors
    ///
    /// Fails with [`Error::NotApplicable`] where the way to the device does not let the host write to the table of MSI-X, and
    /// where the function does not mask the messages of MSI one by one.
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
    /// Fails with [`Error::NotApplicable`] where the way to the device does not let the host write it, as VFIO does not unless who
    /// runs is root, and where the device is used with MSI, which has none.
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

    /// Whether the vector has something to signal, and is masked: its bit in the Pending Bit Array of MSI-X (PCIe 7.7.2.9) or in
    /// Pending Bits of MSI (PCIe 7.7.1.8).
    ///
    /// # Errors
    ///
    /// Fails with [`Error::NotApplicable`] if the array is not in BAR0, or the function has no Pending Bits.
    ///
    /// # Panics
    ///
    /// Panics if the vector was not enabled.
    pub fn is_pending(&self, vector: u16) -> Result<bool> {
        self.check(vector);
        let dword = match &self.place {
            Place::Msix(Msix { pending: Some(array), .. }) => {
                // Software reads qwords or dwords and nothing smaller.
                self.controller.function().read32(array + u64::from(vector / 32) * 4)?
            }
            Place::Msi(Msi { pending: Some(bits), .. }) => self.controller.pci().read32(*bits)?,
            Place::Msi(_) => return Err(no_msi_mask()),
            _ => return Err(not_here("the Pending Bit Array")),
        };
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
        match &self.place {
            Place::Msix(msix) => self.set_msix_mask(msix, vector, mask),
            Place::Msi(Msi { mask: Some(bits), .. }) => self.set_msi_mask(*bits, vector, mask),
            Place::Msi(_) => Err(no_msi_mask()),
            Place::Nowhere => Err(not_here("the MSI-X Table")),
        }
    }

    fn set_msix_mask(&self, msix: &Msix, vector: u16, mask: bool) -> Result {
        let entry = size_of::<MsixTableEntry>() as u64 * u64::from(vector);
        let at = msix.table.start + entry + VECTOR_CONTROL;
        let function = self.controller.function();
        let control = MsixVectorControl::from_bits(function.read32(at)?).with_mask(mask);
        function.write32(at, control.into_bits())?;
        // The read also sees to it that the write has arrived.
        if MsixVectorControl::from_bits(function.read32(at)?).mask() != mask {
            return Err(not_here("the mask of an MSI-X vector"));
        }
        Ok(())
    }

    fn set_msi_mask(&self, bits: u16, vector: u16, mask: bool) -> Result {
        let pci = self.controller.pci();
        let bit = 1 << (vector % 32);
        let before = pci.read32(bits)?;
        let masks = if mask { before | bit } else { before & !bit };
        self.controller.function().write_config(bits, &masks.to_le_bytes())?;
        self.leaves_mask.set(masks != 0);
        if pci.read32(bits)? & bit != masks & bit {
            return Err(not_here("the mask of an MSI vector"));
        }
        Ok(())
    }

    fn set_function_mask(&self, mask: bool) -> Result {
        let at = match &self.place {
            Place::Msix(msix) => msix.control,
            Place::Msi(_) => {
                let what = "the device is used with MSI, which has no Function Mask";
                return Err(Error::NotApplicable(what.to_owned()));
            }
            Place::Nowhere => return Err(not_here("the MSI-X Table")),
        };
        let pci = self.controller.pci();
        let control = MsixControl::from(pci.read16(at)?).with_function_mask(mask);
        self.controller.function().write_config(at, &control.into_bits().to_le_bytes())?;
        if MsixControl::from(pci.read16(at)?).function_mask() != mask {
            let what = "Function Mask of MSI-X is out of the host's reach on the way to this device: VFIO keeps it from all but root";
            return Err(Error::NotApplicable(what.to_owned()));
        }
        self.leaves_mask.set(mask);
        Ok(())
    }

    /// Takes away what would mask the vectors of who enables them next.
    fn take_masks_away(&self) -> Result {
        match &self.place {
            Place::Msi(Msi { mask: Some(bits), .. }) => {
                Ok(self.controller.function().write_config(*bits, &[0; 4])?)
            }
            _ => self.unmask_function(),
        }
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
        let unmasked = if self.leaves_mask.get() { self.take_masks_away() } else { Ok(()) };
        let disabled = self.controller.function().set_vectors(0, &[]).map_err(Error::from);
        if let Err(error) = unmasked.and(disabled)
            && self.controller.function().check_alive().is_ok()
        {
            self.controller
                .shared()
                .complain(format!("the vectors could not be disabled: {error}"));
        }
    }
}

fn no_msi_mask() -> Error {
    let what = "the function does not mask the messages of MSI one by one (Per-Vector Masking Capable is 0)";
    Error::NotApplicable(what.to_owned())
}

fn not_here(what: &str) -> Error {
    Error::NotApplicable(format!("{what} is out of the host's reach on the way to this device"))
}
