//! The arena as a device has it.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;

use super::Arena;

/// All of an [`Arena`], for a device: addresses are offsets in it.
///
/// Who has one is trusted as a device is; [`Arena::device_view`] says with what.
#[derive(Debug, Clone)]
pub struct DeviceView {
    arena: Arc<Arena>,
}

impl DeviceView {
    pub(super) fn new(arena: Arc<Arena>) -> Self {
        Self { arena }
    }

    /// Returns the length in bytes.
    #[expect(clippy::len_without_is_empty, reason = "an arena is never empty")]
    pub fn len(&self) -> usize {
        self.arena.len()
    }

    /// Returns the file, for a device in another process to map.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.arena.file()
    }

    /// Copies from `offset` on into `bytes`.
    ///
    /// # Panics
    ///
    /// Panics if the range is not within the arena.
    #[inline]
    pub fn read(&self, offset: usize, bytes: &mut [u8]) {
        self.arena.mapping().read(offset, bytes);
    }

    /// Copies `bytes` to `offset`.
    ///
    /// # Panics
    ///
    /// Panics if the range is not within the arena.
    #[inline]
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        self.arena.mapping().write(offset, bytes);
    }

    /// Returns the 32-bit word at `offset`.
    ///
    /// # Panics
    ///
    /// Panics if the word is not aligned or not within the arena.
    #[inline]
    pub fn word(&self, offset: usize) -> &AtomicU32 {
        self.arena.mapping().word(offset)
    }

    /// Returns the 64-bit word at `offset`.
    ///
    /// # Panics
    ///
    /// Panics if the word is not aligned or not within the arena.
    #[inline]
    pub fn long(&self, offset: usize) -> &AtomicU64 {
        self.arena.mapping().long(offset)
    }

    /// Returns the `N` 32-bit words from `offset` on: one check for all of them.
    ///
    /// # Panics
    ///
    /// Panics if the words are not aligned or not within the arena.
    #[inline]
    pub fn words<const N: usize>(&self, offset: usize) -> &[AtomicU32; N] {
        self.arena.mapping().words(offset)
    }
}
