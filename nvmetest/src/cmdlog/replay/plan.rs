//! Which of the recorded commands are sent, and what of them.

use std::collections::BTreeMap;

use super::DEPTH_MAX;
use super::Replayed;
use crate::Controller;
use crate::Namespace;
use crate::Result;
use crate::cmdlog::Record;
use crate::cmdlog::timeline::Lanes;
use crate::cmdlog::timeline::end_ns;
use crate::spec::NvmOpcode;
use crate::spec::sqe::Fuse;

/// A transfer of more is left out: no controller takes it, and it is the size of the memory that is lent.
const TRANSFER_MAX: usize = 8 << 20;

/// The bits of CDW12 that a command has besides its blocks and protection information: FUA and LR.
const FUA_AND_LR: u32 = 0b11 << 30;

/// A command to send.
pub(super) struct Step<'n> {
    pub(super) index: usize,
    pub(super) after_ns: u64,
    pub(super) sqid: u16,
    pub(super) namespace: &'n Namespace<'n>,
    pub(super) action: Action,
    pub(super) slba: u64,
    pub(super) blocks: u32,
    pub(super) bytes: usize,
    /// CDW12 and CDW13, without blocks.
    pub(super) flags: u32,
    pub(super) hints: u32,
    /// FFFFFFFFh for a Flush of all namespaces.
    pub(super) nsid: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Read,
    Write,
    WriteZeroes,
    WriteUncorrectable,
    Verify,
    Flush,
}

impl Action {
    fn of(opcode: NvmOpcode) -> Result<Self, &'static str> {
        match opcode {
            NvmOpcode::READ => Ok(Self::Read),
            NvmOpcode::WRITE => Ok(Self::Write),
            NvmOpcode::WRITE_ZEROES => Ok(Self::WriteZeroes),
            NvmOpcode::WRITE_UNCORRECTABLE => Ok(Self::WriteUncorrectable),
            NvmOpcode::VERIFY => Ok(Self::Verify),
            NvmOpcode::FLUSH => Ok(Self::Flush),
            NvmOpcode::COMPARE => Err("the log does not have what a Compare compares with"),
            NvmOpcode::DATASET_MANAGEMENT => {
                Err("the log does not have the ranges of Dataset Management")
            }
            NvmOpcode::COPY => Err("the log does not have the source ranges of Copy"),
            _ => Err("commands of this kind are not replayed"),
        }
    }

    pub(super) fn writes(self) -> bool {
        matches!(self, Self::Write | Self::WriteZeroes | Self::WriteUncorrectable)
    }

    fn transfers(self) -> bool {
        matches!(self, Self::Read | Self::Write)
    }
}

pub(super) fn namespaces(nvme: &Controller) -> Result<Vec<Namespace<'_>>> {
    nvme.active_namespaces()?.into_iter().map(|nsid| nvme.namespace(nsid)).collect()
}

/// Says what is sent, and counts what is left out.
pub(super) fn plan<'n>(
    records: &[Record],
    namespaces: &'n [Namespace<'n>],
    replayed: &mut Replayed,
) -> Vec<Step<'n>> {
    let io = || records.iter().enumerate().filter(|(_, record)| !record.is_admin());
    let start = io().map(|(_, record)| record.submitted_ns).min().unwrap_or(0);
    let step = |index: usize, record: &Record| -> Result<Step<'n>, &'static str> {
        let sqe = &record.sqe;
        if sqe.cdw0().fuse() != Fuse::NORMAL {
            return Err(
                "fused commands are Compare and Write, and the log does not have what is compared",
            );
        }
        let action = Action::of(sqe.nvm_opcode())?;
        let nsid = sqe.nsid.get();
        let all = action == Action::Flush && nsid == u32::MAX;
        let namespace = namespaces.iter().find(|namespace| all || namespace.nsid() == nsid);
        let namespace = namespace.ok_or("the device has no such namespace")?;
        let blocks = (sqe.cdw12.get() & 0xFFFF) + 1;
        let bytes = if action.transfers() { blocks as usize * namespace.block() } else { 0 };
        if TRANSFER_MAX < bytes {
            return Err("transfers of more than 8 MiB are not replayed");
        }
        Ok(Step {
            index,
            after_ns: record.submitted_ns - start,
            sqid: record.sqid,
            namespace,
            action,
            slba: u64::from(sqe.cdw11.get()) << 32 | u64::from(sqe.cdw10.get()),
            blocks,
            bytes,
            flags: sqe.cdw12.get() & FUA_AND_LR,
            hints: if action.transfers() { sqe.cdw13.get() & 0xFF } else { 0 },
            nsid,
        })
    };
    let mut steps = Vec::new();
    for (index, record) in io() {
        match step(index, record) {
            Ok(step) => steps.push(step),
            Err(why) => *replayed.left_out.entry(why).or_default() += 1,
        }
    }
    steps
}

/// How many commands were in flight at most, for each recorded queue.
pub(super) fn depths(records: &[Record], steps: &[Step<'_>]) -> BTreeMap<u16, u16> {
    let mut queues: BTreeMap<u16, (Lanes, u16)> = BTreeMap::new();
    for step in steps {
        let record = &records[step.index];
        let (lanes, depth) = queues.entry(step.sqid).or_default();
        // A command that never completed takes no room for ever: perhaps it completes now.
        let end_ns = end_ns(record).or(Some(record.submitted_ns.saturating_add(1)));
        let lane = u16::try_from(lanes.take(record.submitted_ns, end_ns)).unwrap_or(DEPTH_MAX);
        *depth = (*depth).max(lane.saturating_add(1));
    }
    queues.into_iter().map(|(sqid, (_, depth))| (sqid, depth)).collect()
}
