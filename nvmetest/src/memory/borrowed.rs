//! Memory that a command in flight borrows.

use std::ptr::NonNull;
use std::sync::Arc;

use super::Block;

/// A borrowed block, without the lifetime of the borrow.
///
/// The command would otherwise count as an owner of its memory, which costs two locked instructions each time; and
/// nothing is gained, for the memory is borrowed for longer than the command can be in flight.
#[derive(Clone, Copy)]
pub(crate) struct Borrowed(NonNull<Arc<Block>>);

impl Borrowed {
    #[inline]
    pub(crate) fn new(block: &Arc<Block>) -> Self {
        Self(NonNull::from(block))
    }

    /// Returns the block.
    ///
    /// # Safety
    ///
    /// The borrow that this was made of has not ended, and does not while the result lives.
    pub(crate) unsafe fn block<'b>(self) -> &'b Arc<Block> {
        // SAFETY: The owner is where it was, for it is borrowed.
        unsafe { self.0.as_ref() }
    }
}
