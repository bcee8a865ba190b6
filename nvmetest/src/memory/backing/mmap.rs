//! Mappings of files, as the kernel makes them.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use nix::fcntl::FcntlArg;
use nix::fcntl::SealFlag;
use nix::fcntl::fcntl;
use nix::sys::memfd::MFdFlags;
use nix::sys::memfd::memfd_create;
use nix::sys::mman::MapFlags;
use nix::sys::mman::MmapAdvise;
use nix::sys::mman::ProtFlags;
use nix::sys::mman::madvise;
use nix::sys::mman::mmap;
use nix::sys::mman::mmap_anonymous;
use nix::sys::mman::munmap;
use nix::sys::stat::fstat;

use super::Sharing;
use crate::memory::PAGE_SIZE;

/// Makes an anonymous file of `len` bytes, all zero, and maps it. It can neither shrink nor grow: a peer that holds
/// its descriptor cannot pull pages from under this process.
pub(in crate::memory) fn anonymous(name: &CStr, len: usize) -> io::Result<(File, NonNull<u8>)> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let file = File::from(memfd_create(name, flags)?);
    file.set_len(len as u64)?;
    fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW))?;
    let base = map(&file, 0, len, Sharing::Shared)?;
    Ok((file, base))
}

/// As [`anonymous`], in pages of two megabytes, which the kernel sets aside for the file.
///
/// # Errors
///
/// Fails if the kernel has fewer than that, or if `len` is no multiple of their size.
pub(in crate::memory) fn anonymous_huge(
    name: &CStr,
    len: usize,
) -> io::Result<(File, NonNull<u8>)> {
    let huge = MFdFlags::MFD_HUGETLB | MFdFlags::MFD_HUGE_2MB;
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING | huge;
    let file = File::from(memfd_create(name, flags)?);
    file.set_len(len as u64)?;
    fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW))?;
    let length = len.try_into().map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // Without MAP_NORESERVE: a page that is missing later would be the end of who touches it.
    // SAFETY: The kernel chooses a free range; nothing that exists is replaced.
    let base = unsafe { mmap(None, length, access, MapFlags::MAP_SHARED, &file, 0) }?;
    Ok((file, base.cast()))
}

/// How large the pages are that a file can be mapped by, in bytes: a file in huge pages says so by its blocks.
pub(in crate::memory) fn page_of(file: impl AsFd) -> usize {
    let size = fstat(file).map_or(0, |it| it.st_blksize);
    usize::try_from(size).unwrap_or(0).max(PAGE_SIZE)
}

/// Maps a range of a file, readable and writable.
pub(in crate::memory) fn map(
    file: impl AsFd,
    offset: u64,
    len: usize,
    sharing: Sharing,
) -> io::Result<NonNull<u8>> {
    let invalid = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let length = len.try_into().map_err(invalid)?;
    let offset = offset.try_into().map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let flags = match sharing {
        Sharing::Shared => MapFlags::MAP_SHARED,
        Sharing::Private => MapFlags::MAP_PRIVATE,
    };
    // SAFETY: The kernel chooses a free range; nothing that exists is replaced.
    let base = unsafe { mmap(None, length, access, flags | MapFlags::MAP_NORESERVE, file, offset) };
    Ok(base?.cast())
}

/// Maps `len` bytes that no file is behind, all zero, in large pages if there are any.
pub(in crate::memory) fn large_pages(len: usize) -> io::Result<NonNull<u8>> {
    let length = len.try_into().map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
    // SAFETY: The kernel chooses a free range; nothing that exists is replaced.
    let base = unsafe { mmap_anonymous(None, length, access, flags) }?;
    // SAFETY: The range is the mapping that was just made; the advice changes nothing but how fast it is. A kernel
    // that has no large pages refuses it.
    let _ = unsafe { madvise(base, len, MmapAdvise::MADV_HUGEPAGE) };
    Ok(base.cast())
}

/// Keeps a mapping out of children that are forked.
///
/// # Safety
///
/// It is a mapping, and it lives.
pub(in crate::memory) unsafe fn keep_from_children(
    base: NonNull<u8>,
    len: usize,
) -> io::Result<()> {
    // SAFETY: The range is the caller's mapping; the advice changes nothing for this process.
    Ok(unsafe { madvise(base.cast(), len, MmapAdvise::MADV_DONTFORK) }?)
}

/// Puts a range of a file, or memory that no file is behind and that is all zero, into the place of a mapping.
///
/// # Safety
///
/// It is a mapping, and whoever has its address takes any bytes there.
pub(in crate::memory) unsafe fn replace(
    base: NonNull<u8>,
    len: usize,
    by: Option<(BorrowedFd<'_>, u64)>,
) -> io::Result<()> {
    let invalid = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let length = len.try_into().map_err(invalid)?;
    let place = Some(base.addr());
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let flags = MapFlags::MAP_FIXED | MapFlags::MAP_NORESERVE;
    // SAFETY: What is replaced is the caller's mapping, and nothing else.
    unsafe {
        match by {
            Some((file, offset)) => {
                let offset =
                    offset.try_into().map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
                mmap(place, length, access, flags | MapFlags::MAP_SHARED, file, offset)
            }
            None => mmap_anonymous(place, length, access, flags | MapFlags::MAP_PRIVATE),
        }
    }?;
    Ok(())
}

/// Ends a mapping.
///
/// # Safety
///
/// It is a mapping of `len` bytes, and nobody uses it any more.
pub(in crate::memory) unsafe fn unmap(base: NonNull<u8>, len: usize) {
    // SAFETY: The caller's promise.
    let unmapped = unsafe { munmap(base.cast(), len) };
    debug_assert!(unmapped.is_ok(), "munmap: {unmapped:?}");
}

/// Has the processor bring a cache line nearer, to write it: it is taken from others that have it. Nobody waits for it,
/// nothing depends on it, and where it is not known, nothing is done.
#[inline(always)]
pub(in crate::memory) fn fetch_to_write<T>(within: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: The instruction has no effect but on caches. All processors that have 64 bits know it, or take it for one
    // that does nothing.
    unsafe {
        std::arch::asm!(
            "prefetchw [{}]",
            in(reg) std::ptr::from_ref(within),
            options(nostack, preserves_flags, readonly)
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = within;
}

/// Has the compiler assume that all memory whose address escaped is read and written here, so that it keeps no
/// byte of a buffer in a register across it.
#[inline(always)]
pub(in crate::memory) fn touch_what_escaped() {
    // SAFETY: No instruction is executed. Without `nomem` it counts as an access to memory.
    unsafe { std::arch::asm!("", options(nostack, preserves_flags)) };
}
