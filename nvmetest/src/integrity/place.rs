//! Where what stands in the file of a table.

use super::error::TableError;

/// Memory is reserved in pieces of so many bytes: what is touched costs no more than this around it.
pub(super) const CHUNK: usize = 16 << 10;
pub(super) const WORD: usize = 8;
/// The words of a bucket.
pub(super) const BUCKET: usize = 128;
/// The words of a node.
pub(super) const NODE: usize = 16;
/// No table has more buckets; they are spread over all blocks.
const MOST_BUCKETS: u64 = 1 << 16;
/// No table has more nodes in its pool.
const MOST_NODES: u64 = 1 << 23;
/// So many nodes are as good as any number for one block.
const NODES_OF_A_BLOCK: u64 = 1 << 14;
/// So many writers a table can tell apart in its life.
pub(super) const WRITERS: u64 = 1 << 16;

/// Byte offsets in the first page. What is written all the time stands in lines of its own.
pub(super) mod header {
    pub(in crate::integrity) const MAGIC: usize = 0;
    pub(in crate::integrity) const VERSION: usize = 8;
    pub(in crate::integrity) const BLOCK: usize = 16;
    pub(in crate::integrity) const BLOCKS: usize = 24;
    pub(in crate::integrity) const DRB: usize = 32;
    pub(in crate::integrity) const NEXT_WRITER: usize = 40;
    pub(in crate::integrity) const IDENTITY: usize = 128;
    pub(in crate::integrity) const GENERATION: usize = 512;
    pub(in crate::integrity) const CLOCK: usize = 1024;
    pub(in crate::integrity) const NEXT_NODE: usize = 1280;
    pub(in crate::integrity) const FREE_NODES: usize = 1344;
    pub(in crate::integrity) const DEGRADED: usize = 1536;
    pub(in crate::integrity) const UNJUDGED: usize = 1544;
    pub(in crate::integrity) const BLIND: usize = 1552;
    pub(in crate::integrity) const LEN: usize = 4096;
}

/// What a table is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Geometry {
    /// The size of a logical block in bytes.
    pub block: usize,
    /// How many logical blocks there are.
    pub blocks: u64,
    /// DLFEAT.DRB: what a deallocated block reads as (NVM 4.1.5.1).
    pub drb: u8,
    /// Whose blocks they are: NGUID, EUI64, or serial number and NSID. 128 bytes of it count.
    pub identity: String,
}

/// Where the parts of a file start, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// A bit for each chunk: whether it was reserved.
    pub(super) present: usize,
    pub(super) buckets: usize,
    pub(super) nodes: usize,
    pub(super) main: usize,
    pub(super) end: usize,
}

impl Place {
    pub(super) fn of(blocks: u64) -> Option<Self> {
        let align = |at: usize| at.checked_next_multiple_of(CHUNK);
        let present = header::LEN + WRITERS as usize * WORD;
        let main_len = usize::try_from(blocks).ok()?.checked_mul(WORD)?;
        let buckets_len = buckets_of(blocks) as usize * BUCKET * WORD;
        let nodes_len = nodes_of(blocks) as usize * NODE * WORD;
        let len = main_len.checked_add(buckets_len + nodes_len)?;
        let chunks = len.div_ceil(CHUNK) + 3;
        let buckets = align(present + chunks.div_ceil(64) * WORD)?;
        let nodes = align(buckets + buckets_len)?;
        let main = align(nodes + nodes_len)?;
        Some(Self { present, buckets, nodes, main, end: align(main.checked_add(main_len)?)? })
    }
}

pub(super) fn buckets_of(blocks: u64) -> u64 {
    blocks.next_power_of_two().clamp(1, MOST_BUCKETS)
}

/// How many nodes the pool has; the first one is none.
pub(super) fn nodes_of(blocks: u64) -> u64 {
    blocks.saturating_mul(NODES_OF_A_BLOCK).min(MOST_NODES)
}

pub(super) fn place_of(geometry: &Geometry) -> Result<Place, TableError> {
    let Geometry { block, blocks, .. } = *geometry;
    // A record names its block in 47 bits.
    let place = Place::of(blocks).filter(|_| block != 0 && 0 < blocks && blocks < 1 << 47);
    place.ok_or_else(|| {
        TableError::Range(format!(
            "{blocks} blocks of {block} bytes are nothing that a table can be for"
        ))
    })
}
