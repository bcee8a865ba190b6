//! What a command does to blocks.

use std::ops::Range;

use crate::DsmRange;

/// What a command does to blocks once it is executed, and whether it is durable as it completes.
#[derive(Debug, Clone)]
pub struct Effect<'d> {
    pub(super) kind: Kind<'d>,
    pub(super) fua: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Kind<'d> {
    Data(u64, &'d [u8]),
    Zeroes(Range<u64>),
    Deallocated(Vec<Range<u64>>),
    Uncorrectable(Range<u64>),
    Flush,
}

impl<'d> Effect<'d> {
    /// Write (NVM 3.3.6) of `data`, a whole number of blocks, from `slba` on.
    pub fn data(slba: u64, data: &'d [u8]) -> Self {
        Self { kind: Kind::Data(slba, data), fua: false }
    }

    /// Write Zeroes (NVM 3.3.8), with or without DEAC.
    pub fn zeroes(slba: u64, blocks: u32) -> Self {
        Self { kind: Kind::Zeroes(slba..slba + u64::from(blocks)), fua: false }
    }

    /// Dataset Management with AD (NVM 3.3.3): what may be deallocated.
    pub fn deallocated(ranges: &[DsmRange]) -> Self {
        let range = |range: &DsmRange| range.slba..range.slba + u64::from(range.blocks);
        Self { kind: Kind::Deallocated(ranges.iter().map(range).collect()), fua: false }
    }

    /// Write Uncorrectable (NVM 3.3.7).
    pub fn uncorrectable(slba: u64, blocks: u32) -> Self {
        Self { kind: Kind::Uncorrectable(slba..slba + u64::from(blocks)), fua: false }
    }

    /// Flush (Base 7.2) of the namespace, or of all.
    pub fn flush() -> Self {
        Self { kind: Kind::Flush, fua: false }
    }

    /// FUA: what was written is durable as the command completes (NVM 3.3.6, NVM 3.3.8).
    pub fn fua(self) -> Self {
        Self { fua: true, ..self }
    }
}
