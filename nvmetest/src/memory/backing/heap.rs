//! Memory of the heap, for Miri: it sees each access to it, also by a device that is a thread of the test.

use std::alloc::Layout;
use std::alloc::alloc_zeroed;
use std::alloc::dealloc;
use std::alloc::handle_alloc_error;
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;

use super::Sharing;
use crate::memory::PAGE_SIZE;

/// Allocates `len` bytes, all zero. The file is one that nobody can map.
pub(in crate::memory) fn anonymous(_name: &CStr, len: usize) -> io::Result<(File, NonNull<u8>)> {
    let layout = layout(len).filter(|layout| layout.size() != 0);
    let layout = layout.ok_or(io::ErrorKind::InvalidInput)?;
    // SAFETY: The size is not zero.
    let base = NonNull::new(unsafe { alloc_zeroed(layout) });
    let base = base.unwrap_or_else(|| handle_alloc_error(layout));
    let (file, _) = io::pipe()?;
    Ok((OwnedFd::from(file).into(), base))
}

/// As [`anonymous`], without a file; there are no pages.
pub(in crate::memory) fn large_pages(len: usize) -> io::Result<NonNull<u8>> {
    Ok(anonymous(c"", len)?.1)
}

/// There are no pages.
pub(in crate::memory) fn anonymous_huge(
    _name: &CStr,
    _len: usize,
) -> io::Result<(File, NonNull<u8>)> {
    Err(io::ErrorKind::Unsupported.into())
}

/// There are no pages.
pub(in crate::memory) fn page_of(_file: impl AsFd) -> usize {
    PAGE_SIZE
}

/// Files cannot be mapped.
pub(in crate::memory) fn map(
    _file: impl AsFd,
    _offset: u64,
    _len: usize,
    _sharing: Sharing,
) -> io::Result<NonNull<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// There are no children.
///
/// # Safety
///
/// None is needed; where memory is mapped it is.
pub(in crate::memory) unsafe fn keep_from_children(
    _base: NonNull<u8>,
    _len: usize,
) -> io::Result<()> {
    Ok(())
}

/// Files cannot be mapped.
///
/// # Safety
///
/// None is needed; where memory is mapped it is.
pub(in crate::memory) unsafe fn replace(
    _base: NonNull<u8>,
    _len: usize,
    _by: Option<(BorrowedFd<'_>, u64)>,
) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Frees what [`anonymous`] allocated.
///
/// # Safety
///
/// It is from there, of `len` bytes, and nobody uses it any more.
pub(in crate::memory) unsafe fn unmap(base: NonNull<u8>, len: usize) {
    let layout = layout(len).expect("it was valid when the memory was allocated");
    // SAFETY: The caller's promise.
    unsafe { dealloc(base.as_ptr(), layout) };
}

/// Miri has no caches.
#[inline(always)]
pub(in crate::memory) fn fetch_to_write<T>(_within: &T) {}

/// Miri keeps nothing in registers.
#[inline(always)]
pub(in crate::memory) fn touch_what_escaped() {}

fn layout(len: usize) -> Option<Layout> {
    Layout::from_size_align(len, PAGE_SIZE).ok()
}
