//! The slots of commands: a slot is a command identifier, and a part of the data.

use crate::cmdlog::Token;
use crate::ioworker::workload::Operation;

/// A command that is in flight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    pub(super) operation: Operation,
    pub(super) blocks: u32,
    /// The bytes of the blocks that it transfers.
    pub(super) bytes: u64,
    pub(super) slba: u64,
    /// When the doorbell was rung.
    pub(super) submitted_ns: u64,
    pub(super) token: Token,
}

/// All slots of a worker.
#[derive(Debug)]
pub(super) struct Slots {
    /// Each command in flight, by its identifier, which is the number of its slot.
    pending: Box<[Option<Pending>]>,
    /// The first of them are free. Behind them stand those that were taken, the last one first.
    free: Box<[u16]>,
    free_count: usize,
}

impl Slots {
    pub(super) fn new(depth: u16) -> Self {
        let count = usize::from(depth);
        Self {
            pending: vec![None; count].into(),
            free: (0..depth).rev().collect(),
            free_count: count,
        }
    }

    /// How many are free.
    #[inline]
    pub(super) fn free(&self) -> usize {
        self.free_count
    }

    /// How many commands are in flight.
    #[inline]
    pub(super) fn in_flight(&self) -> usize {
        self.free.len() - self.free_count
    }

    /// The commands that are in flight.
    pub(super) fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.pending.iter().flatten()
    }

    /// Takes a free slot; there is one.
    #[inline(always)]
    pub(super) fn take(&mut self) -> u16 {
        self.free_count -= 1;
        self.free[self.free_count]
    }

    /// Puts a command into the slot that was taken for it.
    #[inline(always)]
    pub(super) fn put(&mut self, slot: u16, pending: Pending) {
        self.pending[usize::from(slot)] = Some(pending);
    }

    /// Notes when the doorbell was rung for those that were taken since so many were free, if none was given back since.
    #[inline(always)]
    pub(super) fn note_rung(&mut self, free: usize, at_ns: u64) {
        for slot in &self.free[self.free_count..free] {
            if let Some(pending) = &mut self.pending[usize::from(*slot)] {
                pending.submitted_ns = at_ns;
            }
        }
    }

    /// Frees the slot of a command that has completed; `None` if there is no such command in flight.
    #[inline(always)]
    pub(super) fn end(&mut self, cid: u16) -> Option<Pending> {
        let slot = self.pending.get_mut(usize::from(cid))?;
        let pending = (*slot)?;
        *slot = None;
        self.free[self.free_count] = cid;
        self.free_count += 1;
        Some(pending)
    }
}
