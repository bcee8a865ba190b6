//! The memory of a session.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use nix::fcntl::FcntlArg;
use nix::fcntl::SealFlag;
use nix::fcntl::fcntl;
use nix::sys::memfd::MFdFlags;
use nix::sys::memfd::memfd_create;

use super::PAGE_SIZE;
use super::mapping::Mapping;
use super::space::Space;

/// All memory that the devices of a session may be lent: one anonymous file, mapped once.
///
/// It is a file so that other processes (a soft controller, QEMU, an IOWorker) can map the same pages.
/// Pages that nobody touched cost nothing.
#[derive(Debug)]
pub struct Arena {
    file: File,
    mapping: Mapping,
    /// Which pages are free. It stands here and not with a device: whoever has the arena gets memory that
    /// nobody else has.
    space: Mutex<Space>,
}

impl Arena {
    /// Makes an arena of `len` bytes, all zero.
    ///
    /// The file can neither shrink nor grow: a peer that holds its descriptor cannot pull pages from
    /// under this process.
    ///
    /// # Errors
    ///
    /// Fails if the kernel does.
    pub fn new(len: usize) -> io::Result<Self> {
        let file = memfd_create(c"nvmetest", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
        let file = File::from(file);
        file.set_len(len as u64)?;
        let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
        let mapping = Mapping::shared(&file, 0, len)?;
        // The first page is the guard before the first block.
        let space = Mutex::new(Space::new(1..len / PAGE_SIZE));
        Ok(Self { file, mapping, space })
    }

    /// Returns the length in bytes.
    #[expect(clippy::len_without_is_empty, reason = "an arena is never empty")]
    pub fn len(&self) -> usize {
        self.mapping.len()
    }

    /// Returns the file, for another process to map.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Returns the mapping in this process.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Takes `pages` pages that lie in `within`; the first is a multiple of `align`.
    pub(super) fn take(&self, pages: usize, align: usize, within: &Range<usize>) -> Option<usize> {
        self.space().take(pages, align, within)
    }

    /// Gives back what [`take`](Self::take) gave.
    pub(super) fn give_back(&self, first: usize, pages: usize) {
        self.space().give_back(first, pages);
    }

    /// The largest number of pages that could be had in one piece.
    pub(super) fn largest_run(&self) -> usize {
        self.space().largest()
    }

    fn space(&self) -> MutexGuard<'_, Space> {
        self.space.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
