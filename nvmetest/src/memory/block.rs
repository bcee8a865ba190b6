//! One allocation and its mapping.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use super::Domain;
use super::PAGE_SIZE;
use super::domain::Spot;

/// An I/O virtual address: an address as the device sees it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iova(pub u64);

impl fmt::Debug for Iova {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "iova:{:#x}", self.0)
    }
}

/// Memory for the device and the host, contiguous for both.
///
/// It has no accessor that gives a reference: who may make one is decided by the owner (a
/// [`Buffer`](super::Buffer), a loan, a queue).
#[derive(Debug)]
pub(crate) struct Block {
    domain: Arc<Domain>,
    spot: Spot,
    len: usize,
    revoked: AtomicBool,
}

/// What stands behind a block whose device could write there.
const CANARY: u8 = 0xc5;

impl Block {
    pub(super) fn new(domain: Arc<Domain>, spot: Spot, len: usize) -> Self {
        Self { domain, spot, len, revoked: AtomicBool::new(false) }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn iova(&self) -> Iova {
        Iova(self.spot.iova)
    }

    /// Returns the address in this process of the byte at `at`.
    pub(crate) fn pointer(&self, at: usize) -> *mut u8 {
        assert!(at <= self.len, "{at} is not within the {} bytes of the block", self.len);
        let base = self.domain.arena().mapping().base().as_ptr();
        // SAFETY: The block is within the mapping of the arena, which the domain keeps alive.
        unsafe { base.add(self.spot.offset + at) }
    }

    /// Copies `bytes` to `at`, for memory that the device may read at any time: queues, PRP lists.
    #[inline]
    pub(crate) fn write(&self, at: usize, bytes: &[u8]) {
        self.check(at, bytes.len());
        self.domain.arena().mapping().write(self.spot.offset + at, bytes);
    }

    /// Copies from `at` on, from memory that the device may write at any time.
    pub(crate) fn read(&self, at: usize, bytes: &mut [u8]) {
        self.check(at, bytes.len());
        self.domain.arena().mapping().read(self.spot.offset + at, bytes);
    }

    #[inline]
    fn check(&self, at: usize, len: usize) {
        let within = at.checked_add(len).is_some_and(|end| end <= self.len);
        if !within {
            outside(at, len, self.len);
        }
    }

    /// Zeroes the block, and puts the canary behind it.
    pub(super) fn erase(&self, canary: bool) {
        let bytes = self.bytes();
        // SAFETY: In bounds; nobody has the block yet.
        unsafe { self.pointer(0).write_bytes(0, bytes) };
        if canary {
            // SAFETY: The guard page belongs to the block (`Domain::allocate`), and nobody has it.
            unsafe { self.pointer(0).add(bytes).write_bytes(CANARY, PAGE_SIZE) };
        }
    }

    /// How many bytes of the last page are behind the end.
    #[inline]
    pub(super) fn slack(&self) -> usize {
        self.bytes() - self.len
    }

    /// The length in whole pages, in bytes.
    #[inline]
    fn bytes(&self) -> usize {
        self.len.next_multiple_of(PAGE_SIZE)
    }

    /// Whether the device is gone for good.
    fn is_out_of_reach(&self) -> bool {
        let function = self.domain.function();
        function.abilities().terminates
            && function.check_alive().is_err()
            && function.terminate().is_ok()
    }

    /// Finds the first byte behind the block that somebody overwrote.
    fn overrun(&self) -> Option<String> {
        let mut page = [0; PAGE_SIZE];
        self.domain.arena().mapping().read(self.spot.offset + self.bytes(), &mut page);
        let at = page.iter().position(|&byte| byte != CANARY)?;
        let distance = self.bytes() - self.len + at;
        Some(format!(
            "the device wrote {:#04x} at {:#x}, {distance} bytes behind the end of a buffer of {} bytes at {:#x}",
            page[at],
            self.spot.iova + (self.bytes() + at) as u64,
            self.len,
            self.spot.iova,
        ))
    }

    /// Takes the memory from the device, whatever the device thinks. Returns whether it is out of reach.
    pub(crate) fn revoke(&self) -> bool {
        if self.revoked.load(Ordering::Relaxed) {
            return true;
        }
        let abilities = self.domain.function().abilities();
        let gone = abilities.revokes
            && self.spot.mapped
            && self.domain.unmap(self.spot.iova, self.bytes()).is_ok();
        self.revoked.store(gone, Ordering::Relaxed);
        gone
    }

    /// Whether it was allocated for the device of `domain`.
    pub(crate) fn is_of(&self, domain: &Arc<Domain>) -> bool {
        Arc::ptr_eq(&self.domain, domain)
    }

    #[inline]
    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Relaxed)
    }

    /// Returns the address of `range` for the device.
    #[inline]
    pub(super) fn iova_of(&self, range: &Range<usize>) -> u64 {
        self.spot.iova + range.start as u64
    }
}

/// Apart from the check, which is to cost as little as it can.
#[cold]
fn outside(at: usize, len: usize, all: usize) -> ! {
    panic!("{len} bytes at {at} are not within the {all} bytes of the block");
}

impl Drop for Block {
    fn drop(&mut self) {
        // The device must lose the memory before anybody else gets it. One that cannot be talked to may still
        // have it, unless its process could be ended, which the ladder does.
        let lost = !self.spot.mapped
            || self.revoked.load(Ordering::Relaxed)
            || self.domain.unmap(self.spot.iova, self.bytes()).is_ok()
            || self.is_out_of_reach();
        if self.domain.canaries()
            && let Some(overrun) = self.overrun()
        {
            self.domain.note_overrun(overrun);
        }
        if lost {
            self.domain.give_back(self.spot.offset, self.bytes());
        }
    }
}
