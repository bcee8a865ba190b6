//! What a block may hold, and what was read.

use std::fmt;

use crate::integrity;

/// What a block may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Content {
    /// Anything: it was not read before.
    Unknown,
    /// Data with this CRC32.
    Data(u32),
    /// What a deallocated block reads as (NVM 3.3.3.2.1).
    Deallocated,
    /// Nothing: a read fails (NVM 3.3.7).
    Uncorrectable,
}

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Data with this CRC32.
    Data(u32),
    /// Deallocated or Unwritten Logical Block, if that error is enabled (DULBE, NVM 4.1.3.2).
    Deallocated,
    /// The read failed.
    Unreadable,
}

/// The CRC32 of blocks that are the same byte all over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fills {
    pub(super) zeroes: u32,
    ones: u32,
    /// DLFEAT.DRB: what a deallocated block reads as.
    drb: u8,
}

impl Fills {
    pub(super) fn new(block: usize, drb: u8) -> Self {
        let crc = |byte| crc32fast::hash(&vec![byte; block]);
        Self { zeroes: crc(0), ones: crc(0xFF), drb }
    }
}

impl Content {
    /// Whether a block that holds this may read as `found`.
    pub(super) fn admits(self, found: Found, fills: &Fills) -> bool {
        match (self, found) {
            (Self::Unknown, _) | (Self::Uncorrectable, Found::Unreadable) => true,
            (Self::Data(crc), Found::Data(read)) => crc == read,
            (Self::Deallocated, Found::Deallocated) => true,
            (Self::Deallocated, Found::Data(read)) => match fills.drb {
                0b001 => read == fills.zeroes,
                0b010 => read == fills.ones,
                // Not reported: zeroes, or ones, and from then on the same.
                _ => read == fills.zeroes || read == fills.ones,
            },
            _ => false,
        }
    }

    /// What a block holds that reads as `found`.
    pub(super) fn of(found: Found) -> Self {
        match found {
            Found::Data(crc) => Self::Data(crc),
            Found::Deallocated => Self::Deallocated,
            Found::Unreadable => Self::Uncorrectable,
        }
    }
}

impl Found {
    /// What a block holds that reads so, as a table of [`integrity`] says it.
    pub(super) fn known(self) -> integrity::Content {
        match self {
            Self::Data(crc) => integrity::Content::Data(crc),
            Self::Deallocated => integrity::Content::Deallocated,
            Self::Unreadable => integrity::Content::Uncorrectable,
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(crc) => write!(f, "data with CRC32 {crc:08x}"),
            Self::Deallocated => f.write_str("no data, since it is deallocated"),
            Self::Unreadable => f.write_str("no data, since it cannot be read"),
        }
    }
}
