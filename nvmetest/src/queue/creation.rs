//! The memory of a queue, and how it comes into being (Base 5.2.1, Base 5.2.2).

use std::marker::PhantomData;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use crate::controller::Controller;
use crate::controller::Shared;
use crate::memory::Block;
use crate::memory::MemoryError;

use super::CompletionRing;
use super::SubmissionRing;

/// Whose entries the memory of a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueKind {
    Submission,
    Completion,
}

/// The memory of a queue that a command creates: the device keeps using it when the command is complete.
///
/// The controller holds it, whatever the test does, until the queue was deleted or the controller is disabled; and no
/// command that lends it survives a reset, after which the controller would not.
pub struct QueueMemory<'c> {
    kind: QueueKind,
    block: Arc<Block>,
    /// Where the queue is said to start, in bytes: not zero only to be wrong.
    offset: usize,
    _controller: PhantomData<&'c Controller>,
}

impl<'c> QueueMemory<'c> {
    pub(crate) fn new(
        _controller: &'c Controller,
        kind: QueueKind,
        block: Arc<Block>,
        offset: usize,
    ) -> Self {
        assert!(offset < block.len());
        Self { kind, block, offset, _controller: PhantomData }
    }

    pub(crate) fn kind(&self) -> QueueKind {
        self.kind
    }

    pub(crate) fn block(&self) -> &Arc<Block> {
        &self.block
    }

    pub(crate) fn range(&self) -> Range<usize> {
        self.offset..self.block.len()
    }
}

/// Allocates the rings of queues.
pub(crate) struct Creation<'s>(pub(crate) &'s Rc<Shared>);

impl Creation<'_> {
    pub(crate) fn submission_ring(&self, entries: u32) -> Result<SubmissionRing, MemoryError> {
        let block = self.block(entries as usize * self.0.entry_sizes().0)?;
        Ok(SubmissionRing::new(block, entries))
    }

    pub(crate) fn completion_ring(&self, entries: u32) -> Result<CompletionRing, MemoryError> {
        let block = self.block(entries as usize * self.0.entry_sizes().1)?;
        Ok(CompletionRing::new(block, entries))
    }

    /// Memory that starts at a memory page, as queues must.
    pub(crate) fn block(&self, len: usize) -> Result<Arc<Block>, MemoryError> {
        let page = usize::try_from(self.0.page_size()).expect("a page fits into memory");
        self.0.domain().allocate(len, page).map(Arc::new)
    }
}
