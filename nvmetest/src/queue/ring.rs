//! The memory of a queue (Base 3.3.1).
#![expect(unsafe_code, reason = "an entry is reached by its address, after one look at its index")]

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use zerocopy::transmute;

use crate::memory::Block;
use crate::spec::Cqe;
use crate::spec::Sqe;

/// A submission queue's entries, as the host writes them.
#[derive(Debug)]
pub(crate) struct SubmissionRing {
    block: Arc<Block>,
    /// The first of `entries` entries, all within the block.
    first: *mut Sqe,
    entries: u32,
}

impl SubmissionRing {
    pub(crate) fn new(block: Arc<Block>, entries: u32) -> Self {
        assert!(entries as usize * size_of::<Sqe>() <= block.len());
        let first = block.pointer(0).cast();
        Self { block, first, entries }
    }

    pub(crate) fn entries(&self) -> u32 {
        self.entries
    }

    pub(crate) fn block(&self) -> &Arc<Block> {
        &self.block
    }

    /// Writes the entry at `index`. The doorbell comes later, and orders it.
    #[inline]
    pub(crate) fn write(&self, index: u32, sqe: &Sqe) {
        if self.entries <= index {
            no_entry(index, self.entries);
        }
        // SAFETY: The entry is within the block, which `self` keeps, and needs no alignment. To what a device may
        // read there is no reference.
        unsafe { self.first.add(index as usize).write(*sqe) };
    }
}

/// A completion queue's entries, as the host reads them.
#[derive(Debug)]
pub(crate) struct CompletionRing {
    block: Arc<Block>,
    /// The dwords of the first of `entries` entries, all within the block.
    first: *const [AtomicU32; 4],
    entries: u32,
}

impl CompletionRing {
    pub(crate) fn new(block: Arc<Block>, entries: u32) -> Self {
        assert!(entries as usize * size_of::<Cqe>() <= block.len());
        let first = block.pointer(0).cast_const().cast();
        Self { block, first, entries }
    }

    pub(crate) fn entries(&self) -> u32 {
        self.entries
    }

    pub(crate) fn block(&self) -> &Arc<Block> {
        &self.block
    }

    /// Returns the entry at `index` if its phase tag is `phase`.
    ///
    /// The dword with the phase tag is read first, and orders the rest: the controller writes it last.
    #[inline]
    pub(crate) fn read(&self, index: u32, phase: bool) -> Option<Cqe> {
        const PHASE: u32 = 1 << 16;
        if self.entries <= index {
            no_entry(index, self.entries);
        }
        // SAFETY: The entry is within the block, which `self` keeps. A block begins with a page, so an entry is
        // aligned. A device may write it at any time, and so it is atomic.
        let entry = unsafe { &*self.first.add(index as usize) };
        let dword3 = entry[3].load(Ordering::Acquire);
        if (dword3 & PHASE != 0) != phase {
            return None;
        }
        let dword = |number: usize| entry[number].load(Ordering::Relaxed);
        let dwords = [dword(0), dword(1), dword(2), dword3];
        Some(transmute!(dwords.map(u32::to_le)))
    }
}

#[cold]
fn no_entry(index: u32, entries: u32) -> ! {
    panic!("entry {index} of a queue of {entries}");
}
