//! The memory of a session.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use super::DeviceView;
use super::HUGE_PAGE_SIZE;
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
    /// The size of its pages in bytes.
    page: usize,
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
        Ok(Self::of(Mapping::anonymous(c"nvmetest", len)?, PAGE_SIZE))
    }

    /// As [`new`](Self::new), in huge pages, of which `len` is a multiple. Other processes map them by whole pages.
    ///
    /// # Errors
    ///
    /// Fails if the kernel does, and if it has fewer huge pages to give.
    pub fn in_huge_pages(len: usize) -> io::Result<Self> {
        Ok(Self::of(Mapping::anonymous_huge(c"nvmetest", len)?, HUGE_PAGE_SIZE))
    }

    fn of((file, mapping): (File, Mapping), page: usize) -> Self {
        // The first page is the guard before the first block.
        let space = Mutex::new(Space::new(1..mapping.len() / PAGE_SIZE));
        Self { file, mapping, page, space }
    }

    /// Returns the size of its pages in bytes.
    pub fn page(&self) -> usize {
        self.page
    }

    /// Returns the length in bytes.
    #[expect(clippy::len_without_is_empty, reason = "an arena is never empty")]
    pub fn len(&self) -> usize {
        self.mapping.len()
    }

    /// Returns the arena as a device sees it that has all of it: one within this process, or one in another, which
    /// maps the [file](DeviceView::file).
    ///
    /// # Safety
    ///
    /// What is read and written through the result, its file, or any copy of either, is read and written as a
    /// [device](super) does that keeps its contract: the memory that a command in flight names, in the direction that
    /// the command says, and queues that it was given. It ends before the command's completion is posted, which is
    /// one atomic store with [`Release`](std::sync::atomic::Ordering::Release) of the dword with the phase tag where
    /// the device is another thread, and before a call of
    /// [`dma_unmap`](crate::transport::Function::dma_unmap) returns.
    pub unsafe fn device_view(self: &Arc<Self>) -> DeviceView {
        DeviceView::new(self.clone())
    }

    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    #[inline]
    pub(crate) fn mapping(&self) -> &Mapping {
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
