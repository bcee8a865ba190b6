//! What a command does to the blocks of its namespace.

use std::ops::Range;

use crate::command::Layout;
use crate::command::Plan;
use crate::command::Terms;
use crate::durability::is_harmless;
use crate::integrity::Content;
use crate::integrity::ZONED;
use crate::memory::Places;
use crate::spec::NvmOpcode;
use crate::spec::Sqe;
use crate::spec::command::CopyCdw12;
use crate::spec::command::DatasetManagementCdw10;
use crate::spec::command::DatasetManagementCdw11;
use crate::spec::command::ReadWriteCdw12;
use crate::spec::command::WriteZeroesCdw12;

/// What a command does to blocks if it is executed. Of blocks that the namespace does not have, the device will
/// complain.
pub(super) enum Deed {
    /// It reads from a block on; of so many the data can be told, which may be all that it names.
    Reads { slba: u64, blocks: usize, are_all: bool },
    /// Each block gets content of its own.
    Writes { slba: u64, contents: Vec<Content>, fua: bool },
    /// All blocks get the same.
    Fills { ranges: Vec<Range<u64>>, content: Content, fua: bool },
    /// It changes blocks, and nobody knows which.
    ChangesAny,
    /// It is not known to change none.
    Foreign,
}

/// What a command lends.
pub(super) struct Lent<'a> {
    pub(super) places: &'a Places,
    pub(super) plan: &'a Plan,
    pub(super) terms: &'a Terms,
}

impl Deed {
    /// Looks at an I/O command for a namespace of so many blocks of a size.
    pub(super) fn of(sqe: &Sqe, lent: &Lent<'_>, block: usize, all: u64) -> Option<Self> {
        let Lent { places, plan, terms } = lent;
        let slba = u64::from(sqe.cdw11.get()) << 32 | u64::from(sqe.cdw10.get());
        let named = u64::from(sqe.cdw12.get() & 0xffff) + 1;
        let range = |slba: u64, blocks: u64| slba.min(all)..slba.saturating_add(blocks).min(all);
        let of_command = range(slba, named);
        let blocks = (of_command.end - of_command.start) as usize;
        // Where the data is described wrongly on purpose, nobody knows what the device transfers.
        let is_known = !terms.verbatim
            && matches!(
                plan.layout,
                Layout::Prp | Layout::PrpListAt { .. } | Layout::Sgl | Layout::SglBlocks { .. }
            );
        let described = plan.transfer.unwrap_or(usize::MAX).min(places.len());
        let with_data = if is_known { described / block } else { 0 };
        let fill = |range, content, fua| Self::Fills { ranges: vec![range], content, fua };
        let deed = match NvmOpcode(sqe.opcode()) {
            NvmOpcode::READ | NvmOpcode::COMPARE => {
                let are_all = blocks as u64 == named && blocks <= with_data;
                Self::Reads { slba: of_command.start, blocks: blocks.min(with_data), are_all }
            }
            NvmOpcode::WRITE => {
                let mut data = vec![0; block];
                let content = |number: usize| {
                    let has_data = number < with_data && copy(places, number * block, &mut data);
                    if has_data { Content::Data(crc32fast::hash(&data)) } else { Content::Unknown }
                };
                let contents = (0..blocks).map(content).collect();
                let fua = ReadWriteCdw12::from(sqe.cdw12.get()).fua();
                Self::Writes { slba: of_command.start, contents, fua }
            }
            NvmOpcode::WRITE_ZEROES => {
                let cdw12 = WriteZeroesCdw12::from(sqe.cdw12.get());
                if cdw12.nsz() {
                    return Some(Self::ChangesAny);
                }
                fill(of_command, Content::Zeroes, cdw12.fua())
            }
            NvmOpcode::WRITE_UNCORRECTABLE => fill(of_command, Content::Uncorrectable, false),
            NvmOpcode::DATASET_MANAGEMENT => {
                if !DatasetManagementCdw11::from(sqe.cdw11.get()).ad() {
                    return None;
                }
                let ranges = usize::from(DatasetManagementCdw10::from(sqe.cdw10.get()).nr_z()) + 1;
                let range = |number: usize| {
                    let mut bytes = [0; 16];
                    if terms.verbatim || !copy(places, number * 16, &mut bytes) {
                        return None;
                    }
                    let blocks = u32::from_le_bytes(std::array::from_fn(|at| bytes[4 + at]));
                    let slba = u64::from_le_bytes(std::array::from_fn(|at| bytes[8 + at]));
                    Some(range(slba, blocks.into()))
                };
                let ranges = (0..ranges).map_while(range).collect();
                Self::Fills { ranges, content: Content::Deallocated, fua: false }
            }
            NvmOpcode::COPY => {
                // The number of blocks is at the same place in all formats of a source range (NVM 3.3.2).
                let cdw12 = CopyCdw12::from(sqe.cdw12.get());
                let blocks = (0..=usize::from(cdw12.nr_z())).map_while(|number| {
                    let mut bytes = [0; 2];
                    copy(places, number * 32 + 16, &mut bytes)
                        .then(|| u64::from(u16::from_le_bytes(bytes)) + 1)
                });
                fill(range(slba, blocks.sum()), Content::Unknown, cdw12.fua())
            }
            NvmOpcode(opcode) if ZONED.contains(&opcode) => Self::ChangesAny,
            opcode if is_harmless(opcode) => return None,
            _ => Self::Foreign,
        };
        Some(deed)
    }
}

/// Copies from byte `at` of what is lent. Returns whether there is so much.
pub(super) fn copy(places: &Places, mut at: usize, mut bytes: &mut [u8]) -> bool {
    for place in places.as_slice() {
        if place.len <= at {
            at -= place.len;
            continue;
        }
        let here = bytes.len().min(place.len - at);
        let (now, later) = bytes.split_at_mut(here);
        place.block.read(place.range().start + at, now);
        (bytes, at) = (later, 0);
        if bytes.is_empty() {
            return true;
        }
    }
    bytes.is_empty()
}
