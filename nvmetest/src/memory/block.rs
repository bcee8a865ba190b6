//! One allocation and its mapping.

use std::fmt;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use super::Domain;
use super::Overrun;
use super::PAGE_SIZE;
use super::canary;
use super::domain::Spot;

/// An I/O virtual address: an address as the device sees it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iova(pub u64);

impl fmt::Debug for Iova {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "iova:{:#x}", self.0)
    }
}

/// Names a domain while it lives: by its address in this process.
#[derive(Clone, Copy)]
pub(crate) struct DomainId(usize);

impl DomainId {
    pub(crate) fn of(domain: &Arc<Domain>) -> Self {
        Self(Arc::as_ptr(domain).addr())
    }
}

/// Memory for the device and the host, contiguous for both.
///
/// It has no accessor that gives a reference: who may make one is decided by the owner (a
/// [`Buffer`](super::Buffer), a loan, a queue).
#[derive(Debug)]
#[doc(hidden)]
pub struct Block {
    domain: Arc<Domain>,
    spot: Spot,
    len: usize,
    revoked: AtomicBool,
    /// The address of the domain in this process, as long as its device has the memory: what is looked at for
    /// each command.
    reached_by: AtomicUsize,
    /// How many bytes behind the end a command was allowed to write: they are no canary any more.
    granted: AtomicUsize,
}

impl Block {
    pub(super) fn new(domain: Arc<Domain>, spot: Spot, len: usize) -> Self {
        let (revoked, granted) = (AtomicBool::new(false), AtomicUsize::new(0));
        let reached_by = AtomicUsize::new(DomainId::of(&domain).0);
        Self { domain, spot, len, revoked, reached_by, granted }
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

    /// Where the block is in the file of the arena, in bytes: for another process to map.
    pub(crate) fn arena_range(&self) -> Range<u64> {
        let start = self.spot.offset as u64;
        start..start + self.len as u64
    }

    /// Returns the file of the arena.
    pub(crate) fn arena_file(&self) -> BorrowedFd<'_> {
        self.domain.arena().file()
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

    /// Copies from `at` on, also from behind the end.
    pub(super) fn copy_out(&self, at: usize, bytes: &mut [u8]) {
        debug_assert!(at + bytes.len() <= self.bytes() + self.guard(), "behind the guard page");
        self.domain.arena().mapping().read(self.spot.offset + at, bytes);
    }

    /// Zeroes the block, and puts the canary behind it: to the end of the last page, and in the guard page where
    /// the device can reach that.
    pub(super) fn erase(&self) {
        // SAFETY: In bounds; nobody has the block yet.
        unsafe { self.pointer(0).write_bytes(0, self.len) };
        self.fill_slack();
    }

    /// Puts the canary behind the block.
    pub(super) fn fill_slack(&self) {
        let mut page = [0; PAGE_SIZE];
        let mut at = self.len;
        let end = self.bytes() + self.guard();
        while at < end {
            let piece = &mut page[..PAGE_SIZE.min(end - at)];
            canary::fill(at, piece);
            self.domain.arena().mapping().write(self.spot.offset + at, piece);
            at += piece.len();
        }
    }

    /// Allows the device to write so many bytes behind the end, from now on. Returns how many it may write.
    pub(super) fn grant(&self, bytes: usize) -> usize {
        let bytes = bytes.min(self.slack());
        self.granted.fetch_max(bytes, Ordering::Relaxed).max(bytes)
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

    /// The bytes behind the last page that the device can reach, and that are the block's.
    fn guard(&self) -> usize {
        if self.domain.canaries() { PAGE_SIZE } else { 0 }
    }

    /// Finds the first byte behind the block that somebody overwrote; `lent` is what the device was to stay in.
    pub(super) fn slack_overrun(&self, lent: &Range<usize>) -> Option<Overrun> {
        let mut page = [0; PAGE_SIZE];
        let mut at = self.len + self.granted.load(Ordering::Relaxed);
        let end = self.bytes() + self.guard();
        while at < end {
            let piece = &mut page[..PAGE_SIZE.min(end - at)];
            self.copy_out(at, piece);
            if let Some(foreign) = canary::first_foreign(at, piece) {
                return Some(self.overrun_at(at, piece, foreign, lent));
            }
            at += piece.len();
        }
        None
    }

    /// Says that number `foreign` of `bytes`, which stand at `at`, is the first that is not the canary's.
    pub(super) fn overrun_at(
        &self,
        at: usize,
        bytes: &[u8],
        foreign: usize,
        lent: &Range<usize>,
    ) -> Overrun {
        Overrun {
            iova: Iova(self.iova_of(at + foreign)),
            bytes: canary::quote(at, bytes, foreign),
            lent: Iova(self.iova_of(lent.start)),
            len: lent.len(),
        }
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
        if gone {
            self.reached_by.store(0, Ordering::Relaxed);
            self.domain.note_revoked(self.spot.iova..self.spot.iova + self.bytes() as u64);
        }
        gone
    }

    #[inline]
    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Relaxed)
    }

    /// Whether it is memory of this domain: its address means something else to another device.
    #[inline]
    pub(crate) fn is_of(&self, domain: &Arc<Domain>) -> bool {
        Arc::ptr_eq(&self.domain, domain)
    }

    /// Whether it is memory of this domain, and was not taken from the device.
    #[inline]
    pub(crate) fn is_reached_by(&self, domain: DomainId) -> bool {
        self.reached_by.load(Ordering::Relaxed) == domain.0
    }

    /// Returns the address of the byte at `at` for the device.
    #[inline]
    pub(crate) fn iova_of(&self, at: usize) -> u64 {
        self.spot.iova + at as u64
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
        let overrun = self.slack_overrun(&(0..self.len));
        self.domain.note_freed(self.spot.iova, overrun);
        if lost {
            self.domain.give_back(self.spot.offset, self.bytes());
        }
    }
}
