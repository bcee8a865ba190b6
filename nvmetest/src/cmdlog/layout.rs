//! Where everything is in the file of a command log.
//!
//! ```text
//! 0           header: magic, version, geometry, clocks          one page
//! rings_at    one header of 64 bytes for each ring
//! sites_at    source sites, 256 bytes each
//! marks_at    marks, 256 bytes each
//! entries_at  the entries of ring 0, of ring 1, ...              128 bytes each
//! ```
//!
//! All is made of 64-bit words in the byte order of the machine, each written and read by an atomic
//! access: a reader in another process (or a file that somebody damaged) can yield a wrong value but
//! never undefined behaviour. Each area starts on a page, and what nobody wrote takes no memory.

use std::io;

use crate::memory::Mapping;

/// `NVMECLOG` as a word of a little-endian machine: it also tells a file of the other byte order.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"NVMECLOG");

/// Changes whenever a reader of the old layout would misread the new one.
pub(super) const VERSION: u64 = 1;

pub(super) const RING_HEADER: usize = 64;
pub(super) const SITE: usize = 256;
pub(super) const MARK: usize = 256;
pub(super) const ENTRY: usize = 128;

const PAGE: usize = 4096;

/// The length of the first page; a file without it has no header.
pub(super) const HEADER_LEN: u64 = PAGE as u64;

/// The most bytes that a log may have, so that an absurd header cannot ask for all address space.
const MAX_LEN: u64 = 8 << 30;

/// How much a command log holds.
///
/// The default is 64 rings of 4096 entries, 4096 source sites and 1024 marks: 33 MiB of address
/// space, of which only what is written takes memory.
///
/// ```
/// use nvmetest::cmdlog::{CmdLog, Geometry};
///
/// let log = CmdLog::new(Geometry { rings: 130, ..Geometry::default() })?;
/// assert_eq!(log.geometry().entries, 4096);
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// How many queues are logged at the same time: 1 to 65536.
    pub rings: u32,
    /// How many commands of one queue are kept: a power of two, 2 to 2^24.
    pub entries: u32,
    /// How many different source lines are told apart: a power of two, 2 to 2^20.
    pub sites: u32,
    /// How many marks are kept: a power of two, 2 to 2^20.
    pub marks: u32,
}

impl Default for Geometry {
    fn default() -> Self {
        Self { rings: 64, entries: 4096, sites: 4096, marks: 1024 }
    }
}

impl Geometry {
    /// Computes where the areas are.
    pub(super) fn layout(self) -> io::Result<Layout> {
        let Self { rings, entries, sites, marks } = self;
        let power_of_two = |n: u32, max: u32| n.is_power_of_two() && (2..=max).contains(&n);
        let valid = (1..=1 << 16).contains(&rings)
            && power_of_two(entries, 1 << 24)
            && power_of_two(sites, 1 << 20)
            && power_of_two(marks, 1 << 20);
        let len = || u64::from(rings) * u64::from(entries) * ENTRY as u64;
        if !valid || MAX_LEN < len() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "a command log cannot have {rings} rings of {entries} entries, {sites} sites \
                     and {marks} marks: use 1 to 65536 rings, powers of two for the rest, and at \
                     most {} GiB of entries",
                    MAX_LEN >> 30
                ),
            ));
        }
        let rings_at = PAGE;
        let sites_at = (rings_at + rings as usize * RING_HEADER).next_multiple_of(PAGE);
        let marks_at = (sites_at + sites as usize * SITE).next_multiple_of(PAGE);
        let entries_at = (marks_at + marks as usize * MARK).next_multiple_of(PAGE);
        let len = (entries_at + rings as usize * entries as usize * ENTRY).next_multiple_of(PAGE);
        Ok(Layout { geometry: self, rings_at, sites_at, marks_at, entries_at, len })
    }
}

/// The geometry, and where its areas are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) geometry: Geometry,
    rings_at: usize,
    sites_at: usize,
    marks_at: usize,
    entries_at: usize,
    pub(super) len: usize,
}

impl Layout {
    #[inline]
    pub(super) fn ring(&self, index: u32) -> usize {
        assert!(index < self.geometry.rings);
        self.rings_at + index as usize * RING_HEADER
    }

    pub(super) fn site(&self, index: u32) -> usize {
        assert!(index < self.geometry.sites);
        self.sites_at + index as usize * SITE
    }

    /// Returns where the mark with this number is, modulo the number of marks.
    pub(super) fn mark(&self, sequence: u64) -> usize {
        self.marks_at + (sequence & u64::from(self.geometry.marks - 1)) as usize * MARK
    }

    /// Returns where the entries of a ring are.
    #[inline]
    pub(super) fn entries(&self, ring: u32) -> usize {
        assert!(ring < self.geometry.rings);
        self.entries_at + ring as usize * self.geometry.entries as usize * ENTRY
    }
}

/// The words of the first page, by their offset.
pub(super) mod header {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const VERSION: usize = 8;
    pub(crate) const RINGS: usize = 16;
    pub(crate) const ENTRIES: usize = 24;
    pub(crate) const SITES: usize = 32;
    pub(crate) const MARKS: usize = 40;
    /// CLOCK_MONOTONIC at the creation, in ns.
    pub(crate) const CREATED_NS: usize = 48;
    /// CLOCK_REALTIME at the creation, in ns since 1970.
    pub(crate) const CREATED_UNIX_NS: usize = 56;
    /// How many marks were ever made.
    pub(crate) const MARK_COUNT: usize = 64;
    /// How many queues found no ring.
    pub(crate) const RINGS_REFUSED: usize = 72;
    /// How often a source site found no room.
    pub(crate) const SITES_REFUSED: usize = 80;
}

/// Reads the geometry of a file of `len` bytes from its first page, and trusts nothing in it.
pub(super) fn validate(mapping: &Mapping, len: u64) -> Result<Layout, String> {
    use std::sync::atomic::Ordering::Acquire;

    let word = |offset| mapping.long(offset).load(Acquire);
    if word(header::MAGIC) != MAGIC {
        return Err(match word(header::MAGIC) == MAGIC.swap_bytes() {
            true => "it was written on a machine of the other byte order".into(),
            false => "it is not a command log".into(),
        });
    }
    if word(header::VERSION) != VERSION {
        return Err(format!(
            "its layout has version {}, and this program reads version {VERSION}",
            word(header::VERSION)
        ));
    }
    let field = |offset| u32::try_from(word(offset)).unwrap_or(u32::MAX);
    let geometry = Geometry {
        rings: field(header::RINGS),
        entries: field(header::ENTRIES),
        sites: field(header::SITES),
        marks: field(header::MARKS),
    };
    let layout = geometry.layout().map_err(|error| format!("its header is damaged: {error}"))?;
    if layout.len as u64 != len {
        return Err(format!("it has {len} bytes where its header asks for {}", layout.len));
    }
    Ok(layout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_areas_do_not_overlap() {
        let geometry = Geometry { rings: 3, entries: 8, sites: 2, marks: 4 };
        let layout = geometry.layout().unwrap();

        assert!(PAGE <= layout.ring(0));
        assert!(layout.ring(2) + RING_HEADER <= layout.site(0));
        assert!(layout.site(1) + SITE <= layout.mark(0));
        assert!(layout.mark(3) + MARK <= layout.entries(0));
        assert_eq!(layout.mark(4), layout.mark(0));
        assert_eq!(layout.entries(1), layout.entries(0) + 8 * ENTRY);
        assert!(layout.entries(2) + 8 * ENTRY <= layout.len);
    }

    #[test]
    fn an_absurd_geometry_is_an_error() {
        for geometry in [
            Geometry { rings: 0, ..Geometry::default() },
            Geometry { rings: u32::MAX, ..Geometry::default() },
            Geometry { entries: 0, ..Geometry::default() },
            Geometry { entries: 4095, ..Geometry::default() },
            Geometry { sites: u32::MAX, ..Geometry::default() },
            Geometry { marks: 1, ..Geometry::default() },
            Geometry { rings: u32::MAX, entries: u32::MAX, sites: u32::MAX, marks: u32::MAX },
            Geometry { rings: 1 << 16, entries: 1 << 24, ..Geometry::default() },
        ] {
            let error = geometry.layout().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{geometry:?}");
        }
    }
}
