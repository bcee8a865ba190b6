//! Memory that two processes of a session share.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;

use nix::fcntl::FcntlArg;
use nix::fcntl::SealFlag;
use nix::fcntl::fcntl;
use nix::sys::memfd::MFdFlags;
use nix::sys::memfd::memfd_create;

use super::Mapping;

/// Maps a part of a file of another process's, which made it for this one: of its arena, or its doorbells.
///
/// # Safety
///
/// As long as the result lives,
///
/// - no process has a reference to the bytes of `range`, but for atomics;
/// - the file does not become shorter than `range`;
/// - where the bytes are doorbells, no other process rings them, and what they make the device fetch and execute
///   names no memory but such that nobody has a reference to.
pub(crate) unsafe fn attach(file: impl AsFd, range: &Range<u64>) -> io::Result<Mapping> {
    let len = range.end.checked_sub(range.start).and_then(|len| usize::try_from(len).ok());
    let len = len.ok_or(io::ErrorKind::InvalidInput)?;
    Mapping::shared(file, range.start, len)
}

/// Makes an anonymous file of `len` bytes, all zero, which can neither shrink nor grow, and maps it.
pub(crate) fn anonymous(name: &CStr, len: usize) -> io::Result<(File, Mapping)> {
    let file = memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
    let file = File::from(file);
    file.set_len(len as u64)?;
    let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    let mapping = Mapping::shared(&file, 0, len)?;
    Ok((file, mapping))
}
