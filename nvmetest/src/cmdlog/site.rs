//! The lines of source that commands came from.
//!
//! The address of a [`Location`] means nothing in another process, so the log has a hash table of
//! them, which every process that logs can add to without a lock.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::ptr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::AcqRel;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;

use super::Shared;
use super::layout::SITE;
use super::layout::header;

/// A line of source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Site {
    /// The file; of a very long path the end, after `…`.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Which places in the table the sites of one ring have, so that a known site costs two loads.
///
/// A site is known by its address, which no site has as 0.
pub(super) struct Cache([Cell<(usize, u32)>; CACHED]);

const CACHED: usize = 64;

impl Default for Cache {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Cell::new((0, 0))))
    }
}

impl Cache {
    /// Returns the index of a site plus 1, and 0 if the table has no room for it.
    #[inline]
    pub(super) fn index(&self, shared: &Shared, site: &'static Location<'static>) -> u32 {
        let address = ptr::from_ref(site).addr();
        // A location is a multiple of 8 bytes: the low bits tell nothing.
        let cell = &self.0[(address >> 3) % CACHED];
        let (cached, index) = cell.get();
        if cached == address {
            return index;
        }
        let index = intern(shared, site);
        cell.set((address, index));
        index
    }
}

/// The words of a site.
const STATE: usize = 0;
const POSITION: usize = 1;
const LENGTH: usize = 2;
const PATH: usize = 3;

const PATH_MAX: usize = SITE - PATH * 8;

/// States beside the hash, in the first word; 0 is a free place.
const CLAIMED: u64 = 1;
const READY: u64 = 2;
const STATE_MASK: u64 = 3;

/// How many places are tried for a site.
const PROBES: u32 = 32;

/// Finds or adds a site. This happens once for each site and ring, and for each worker.
#[cold]
pub(super) fn intern(shared: &Shared, site: &Location<'_>) -> u32 {
    let position = u64::from(site.line()) | u64::from(site.column()) << 32;
    let hash = hash(site.file(), position) & !STATE_MASK;
    for probe in 0..PROBES.min(shared.layout.geometry.sites) {
        let index = (hash >> 32) as u32;
        let index = index.wrapping_add(probe) & (shared.layout.geometry.sites - 1);
        let words = words(shared, index);
        let found = words[STATE].load(Acquire);
        if found == hash | READY && words[POSITION].load(Relaxed) == position {
            return index + 1;
        }
        // A place that somebody else has claimed is not waited for: he may be dead.
        let claim = || words[STATE].compare_exchange(0, hash | CLAIMED, AcqRel, Relaxed);
        if found == 0 && claim().is_ok() {
            words[POSITION].store(position, Relaxed);
            write_path(words, site.file());
            words[STATE].store(hash | READY, Release);
            return index + 1;
        }
    }
    shared.mapping.long(header::SITES_REFUSED).fetch_add(1, Relaxed);
    0
}

/// Returns a site by its index plus 1.
pub(super) fn read(shared: &Shared, index: u32) -> Option<Site> {
    let index = index.checked_sub(1).filter(|index| *index < shared.layout.geometry.sites)?;
    let words = words(shared, index);
    if words[STATE].load(Acquire) & STATE_MASK != READY {
        return None;
    }
    let position = words[POSITION].load(Relaxed);
    let (line, column) = (position as u32, (position >> 32) as u32);
    Some(Site { file: read_path(words), line, column })
}

fn words(shared: &Shared, index: u32) -> &[AtomicU64; SITE / 8] {
    shared.mapping.longs(shared.layout.site(index))
}

fn write_path(words: &[AtomicU64; SITE / 8], path: &str) {
    let mut bytes = [0; PATH_MAX];
    let len = shorten(path, &mut bytes);
    words[LENGTH].store(len as u64, Relaxed);
    for (word, chunk) in words[PATH..].iter().zip(bytes.as_chunks().0) {
        word.store(u64::from_ne_bytes(*chunk), Relaxed);
    }
}

/// Copies what fits of a path: its end tells more than its start.
fn shorten(path: &str, bytes: &mut [u8; PATH_MAX]) -> usize {
    const ELLIPSIS: &[u8] = "…".as_bytes();

    if path.len() <= PATH_MAX {
        bytes[..path.len()].copy_from_slice(path.as_bytes());
        return path.len();
    }
    let start = path.ceil_char_boundary(path.len() - (PATH_MAX - ELLIPSIS.len()));
    let end = &path.as_bytes()[start..];
    bytes[..ELLIPSIS.len()].copy_from_slice(ELLIPSIS);
    bytes[ELLIPSIS.len()..][..end.len()].copy_from_slice(end);
    ELLIPSIS.len() + end.len()
}

fn read_path(words: &[AtomicU64; SITE / 8]) -> String {
    let mut bytes = [0; PATH_MAX];
    for (word, chunk) in words[PATH..].iter().zip(bytes.as_chunks_mut().0) {
        *chunk = word.load(Relaxed).to_ne_bytes();
    }
    let len = words[LENGTH].load(Relaxed).min(PATH_MAX as u64) as usize;
    String::from_utf8_lossy(&bytes[..len]).into_owned()
}

/// FNV-1a: the same in every process, and a site is hashed once.
fn hash(file: &str, position: u64) -> u64 {
    let bytes = file.bytes().chain(position.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_path_the_end_is_kept() {
        let path = "ä".repeat(PATH_MAX) + "/suites/src/read.rs";
        let mut bytes = [0; PATH_MAX];
        let len = shorten(&path, &mut bytes);
        let kept = str::from_utf8(&bytes[..len]).unwrap();
        assert!(kept.starts_with("…ä") && kept.ends_with("ä/suites/src/read.rs"), "{kept}");
        assert!(PATH_MAX - 2 < len && len <= PATH_MAX);
    }
}
