//! The memory of a queue (Base 3.3.1).

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use zerocopy::IntoBytes;
use zerocopy::transmute;

use crate::memory::Block;
use crate::spec::Cqe;
use crate::spec::Sqe;

/// A submission queue's entries, as the host writes them.
#[derive(Debug)]
pub(crate) struct SubmissionRing {
    block: Arc<Block>,
    entries: u32,
}

impl SubmissionRing {
    pub(crate) fn new(block: Arc<Block>, entries: u32) -> Self {
        assert!(entries as usize * size_of::<Sqe>() <= block.len());
        Self { block, entries }
    }

    pub(crate) fn entries(&self) -> u32 {
        self.entries
    }

    pub(crate) fn block(&self) -> &Arc<Block> {
        &self.block
    }

    /// Writes the entry at `index`. The doorbell comes later, and orders it.
    pub(crate) fn write(&self, index: u32, sqe: &Sqe) {
        debug_assert!(index < self.entries);
        self.block.write(index as usize * size_of::<Sqe>(), sqe.as_bytes());
    }
}

/// A completion queue's entries, as the host reads them.
#[derive(Debug)]
pub(crate) struct CompletionRing {
    block: Arc<Block>,
    entries: u32,
}

impl CompletionRing {
    pub(crate) fn new(block: Arc<Block>, entries: u32) -> Self {
        assert!(entries as usize * size_of::<Cqe>() <= block.len());
        Self { block, entries }
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
        let entry: &[AtomicU32; 4] = self.block.words(index as usize * size_of::<Cqe>());
        let dword3 = entry[3].load(Ordering::Acquire);
        if (dword3 & PHASE != 0) != phase {
            return None;
        }
        let dword = |number: usize| entry[number].load(Ordering::Relaxed);
        let dwords = [dword(0), dword(1), dword(2), dword3];
        Some(transmute!(dwords.map(u32::to_le)))
    }
}
