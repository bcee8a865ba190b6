//! Where the bytes of a [`Mapping`](super::Mapping) come from.
//!
//! They are memory that the kernel shares between processes. Miri has none: there they come from the heap, and
//! nobody but this process has them. Beside the time of day this is all that the library knows of Miri.

#[cfg(miri)]
mod heap;
#[cfg(not(miri))]
mod mmap;

#[cfg(miri)]
pub(super) use heap::*;
#[cfg(not(miri))]
pub(super) use mmap::*;

/// Who sees what is written to a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Everybody who maps the file.
    Shared,
    /// This process.
    Private,
}
