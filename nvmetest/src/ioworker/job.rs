//! What a worker is told.

use std::ops::Range;

use serde::Deserialize;
use serde::Serialize;

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
    /// How many logical blocks a command transfers.
    pub(super) io_blocks: u32,
    /// The logical blocks that commands name.
    pub(super) region: Range<u64>,
    /// How many of a hundred commands are reads.
    pub(super) read_percentage: u8,
    pub(super) random: bool,
    pub(super) depth: u16,
    /// How many commands there are to be, at the most.
    pub(super) count: Option<u64>,
    /// For how long commands are submitted, at the most.
    pub(super) time_ns: Option<u64>,
    pub(super) seed: u64,
    /// How long nothing may complete while commands are in flight.
    pub(super) timeout_ns: u64,
}

impl Work {
    /// How many bytes a command transfers.
    pub(super) fn io_bytes(&self) -> usize {
        self.block * self.io_blocks as usize
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
    /// The PRP Lists of all slots, where they need one.
    pub(super) lists: Option<Lists>,
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
    /// PRP1 and PRP2 of the commands in `slot` (Base 4.3.1).
    pub(super) fn data_pointer(&self, slot: u16, io_bytes: usize) -> [u64; 2] {
        let slot = u64::from(slot);
        let data = self.data_iova + slot * self.slot_bytes;
        let second = match self.lists {
            Some(lists) => lists.iova + slot * lists.slot_bytes,
            None if io_bytes as u64 <= self.page => 0,
            None => data + self.page,
        };
        [data, second]
    }
}
