//! Memory that two processes of a session share.

use std::io;
use std::ops::Range;
use std::os::fd::AsFd;

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
///   names no memory but such that nobody has a reference to;
/// - copies of one thread do not race with those of another.
pub(crate) unsafe fn attach(file: impl AsFd, range: &Range<u64>) -> io::Result<Mapping> {
    let len = range.end.checked_sub(range.start).and_then(|len| usize::try_from(len).ok());
    let len = len.ok_or(io::ErrorKind::InvalidInput)?;
    // SAFETY: Nobody has references to the bytes, and copies do not race: the caller says so.
    unsafe { Mapping::shared(file, range.start, len) }
}
