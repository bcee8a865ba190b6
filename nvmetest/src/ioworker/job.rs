//! What a worker is told.

use std::ops::Range;

use serde::Deserialize;
use serde::Serialize;

use super::workload::DataPattern;
use super::workload::Distribution;
use super::workload::Operation;
use super::workload::Recorded;

/// All that a worker needs to know. It is made by the same program, so it has no version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) place: Place,
}

/// What is to be done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Work {
    pub(super) nsid: u32,
    /// The size of a logical block in bytes.
    pub(super) block: usize,
    pub(super) sizes: Vec<Size>,
    /// The logical blocks that commands name.
    pub(super) regions: Vec<Range<u64>>,
    /// Where commands in order begin, if not with the region.
    pub(super) first: Option<u64>,
    /// How far commands in order are apart, if not one behind the other.
    pub(super) step: Option<i64>,
    /// How many of a hundred commands are at random, and not in order.
    pub(super) random_percentage: u8,
    pub(super) distribution: Distribution,
    /// Each operation that there is, and its share of a hundred.
    pub(super) mix: Vec<(Operation, u32)>,
    pub(super) pattern: DataPattern,
    /// How many of a hundred commands use SGLs.
    pub(super) sgl_percentage: u8,
    /// How many of a hundred commands that write have FUA.
    pub(super) fua_percentage: u8,
    /// Commands that were recorded: they are sent, and none is drawn.
    pub(super) replay: Option<Vec<Recorded>>,
    pub(super) depth: u16,
    /// How many commands there are to be, at the most.
    pub(super) count: Option<u64>,
    /// For how long commands are submitted, at the most.
    pub(super) time_ns: Option<u64>,
    /// How many commands in a second, at the most.
    pub(super) iops: Option<u64>,
    /// The processor to stay on.
    pub(super) cpu: Option<usize>,
    pub(super) seed: u64,
    /// How long nothing may complete while commands are in flight.
    pub(super) timeout_ns: u64,
    /// Who it is in the table by which its data is verified, if it is.
    pub(super) writer: Option<u32>,
    /// Which lane of the journal it has, if what it does is followed.
    pub(super) lane: Option<usize>,
    /// Whether it waits for an interrupt, and does not poll.
    pub(super) by_interrupt: bool,
    /// Whether it computes a CRC32 of what it reads, and nothing becomes of it.
    pub(super) only_crc: bool,
    /// The line that started the worker, as an index into the sites of the command log.
    pub(super) site: u32,
}

/// A size of commands.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Size {
    /// How many logical blocks.
    pub(super) blocks: u32,
    /// How often it is drawn, relative to the others.
    pub(super) weight: u32,
    /// What their first LBA is a multiple of.
    pub(super) align: Option<u64>,
}

impl Work {
    /// How many bytes a command of a size transfers.
    pub(super) fn bytes(&self, size: &Size) -> u64 {
        self.block as u64 * u64::from(size.blocks)
    }

    /// What is told, in a few words.
    pub(super) fn in_short(&self) -> String {
        if let Some(recorded) = &self.replay {
            return format!("replay of {} commands, depth {}", recorded.len(), self.depth);
        }
        let mix = self.mix.iter().map(|(operation, weight)| format!("{operation:?} {weight} %"));
        let mix: Vec<String> = mix.collect();
        let sizes = self.sizes.iter().map(|size| format!("{} B", self.bytes(size)));
        // Who draws from more sizes than that is told apart by the rest.
        let sizes: Vec<String> = sizes.take(3).collect();
        format!("{}, {}, depth {}", mix.join(" and "), sizes.join(" or "), self.depth)
    }

    /// Whether there is a command that transfers the blocks that it names.
    pub(super) fn transfers_blocks(&self) -> bool {
        let mut drawn = self.mix.iter().map(|(operation, _)| *operation);
        let mut recorded = self.replay.iter().flatten().map(|command| command.operation);
        let transfers = Operation::transfers_blocks;
        if self.replay.is_some() { recorded.any(transfers) } else { drawn.any(transfers) }
    }
}

#[cfg(test)]
impl Work {
    /// Random reads of so many blocks.
    #[expect(clippy::single_range_in_vec_init, reason = "a region is a range of blocks")]
    pub(super) fn of(blocks: u32) -> Self {
        Self {
            nsid: 1,
            block: 512,
            sizes: vec![Size { blocks, weight: 1, align: None }],
            regions: vec![0..1000],
            first: None,
            step: None,
            random_percentage: 100,
            distribution: Distribution::Uniform,
            mix: vec![(Operation::Read, 100)],
            pattern: DataPattern::Counter,
            sgl_percentage: 0,
            fua_percentage: 0,
            replay: None,
            depth: 1,
            count: None,
            time_ns: None,
            iops: None,
            cpu: None,
            seed: 7,
            timeout_ns: 20_000_000,
            writer: None,
            lane: None,
            by_interrupt: false,
            only_crc: false,
            site: 0,
        }
    }
}

/// Where everything is: ranges are in bytes, of the file of the arena or of that of the doorbells.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) sqid: u16,
    /// How many entries each of the two queues has.
    pub(super) entries: u32,
    pub(super) sq: Range<u64>,
    pub(super) cq: Range<u64>,
    /// The data of all slots.
    pub(super) data: Range<u64>,
    /// The same as the device sees it.
    pub(super) data_iova: u64,
    /// How far the data of two slots are apart.
    pub(super) slot_bytes: u64,
    /// The size of a memory page (CC.MPS).
    pub(super) page: u64,
    /// The PRP Lists of all slots for each size, where it needs one.
    pub(super) lists: Vec<Option<Lists>>,
    pub(super) doorbells: Range<u64>,
    /// Where the mapped doorbells begin: in BAR0, or in the page that is forwarded.
    pub(super) doorbells_start: u64,
    /// SQyTDBL, as an offset like `doorbells_start`.
    pub(super) sq_tail: u64,
    /// CQyHDBL, as an offset like `doorbells_start`.
    pub(super) cq_head: u64,
}

/// PRP Lists, as the device sees them.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Lists {
    pub(super) iova: u64,
    /// How far those of two slots are apart.
    pub(super) slot_bytes: u64,
}

impl Place {
    /// PRP1 and PRP2 of a command in `slot` that transfers `bytes`, which is not for blocks of a size with a list, or
    /// whose list this is (Base 4.3.1).
    #[inline]
    pub(super) fn prps(&self, slot: u16, bytes: u64, lists: Option<Lists>) -> [u64; 2] {
        let slot = u64::from(slot);
        let data = self.data_iova + slot * self.slot_bytes;
        let second = match lists {
            _ if bytes <= self.page => 0,
            Some(lists) => lists.iova + slot * lists.slot_bytes,
            None => data + self.page,
        };
        [data, second]
    }

    /// The SGL Data Block descriptor of a command in `slot` that transfers `bytes` (Base 4.3.2).
    #[inline]
    pub(super) fn sgl(&self, slot: u16, bytes: u64) -> [u64; 2] {
        // The type of the descriptor is 0h, in the bits above the length.
        [self.data_iova + u64::from(slot) * self.slot_bytes, bytes]
    }
}
