//! What a command would let the device do with host memory.

use crate::memory::Places;
use crate::queue::QueueKind;
use crate::spec::AdminOpcode;
use crate::spec::NvmOpcode;
use crate::spec::Sqe;
use crate::spec::command::GetLogPageCdw10;
use crate::spec::command::GetLogPageCdw11;

/// Bit 1 of an opcode: the controller writes host memory (Base 4.1.1, Data Transfer).
const CONTROLLER_TO_HOST: u8 = 0b10;

/// The size of what Identify returns (Base 5.1.13).
const IDENTIFY_BYTES: usize = 4096;

/// No feature has a longer data structure (Base 5.1.11).
const MOST_FEATURE_BYTES: usize = 4096;

/// The first feature identifier that is vendor specific (Base 5.1.25.1): how long these are, the vendor knows.
const VENDOR_FEATURES: u8 = 0xc0;

/// The size of a logical block in a transfer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    /// The namespace whose blocks have it: those of another may be larger.
    pub(crate) nsid: u32,
    pub(crate) bytes: usize,
}

/// Whether a controller that follows the standard writes host memory for the command.
pub(crate) fn writes(sqe: &Sqe) -> bool {
    sqe.opcode() & CONTROLLER_TO_HOST != 0
}

/// Whether an admin command may give a namespace another format.
pub(crate) fn formats(opcode: AdminOpcode) -> bool {
    matches!(
        opcode,
        AdminOpcode::FORMAT_NVM
            | AdminOpcode::NAMESPACE_MANAGEMENT
            | AdminOpcode::NAMESPACE_ATTACHMENT
    )
}

/// Returns how many bytes a controller that follows the standard writes, where that is known.
#[inline]
pub(crate) fn written(sqe: &Sqe, admin: bool, block: Option<Block>) -> Option<usize> {
    if !admin {
        let block = block.filter(|block| block.nsid == sqe.nsid.get()).map(|block| block.bytes);
        let blocks = (sqe.cdw12.get() as usize & 0xffff) + 1;
        return (sqe.opcode() == NvmOpcode::READ.0).then_some(block? * blocks);
    }
    match sqe.admin_opcode() {
        AdminOpcode::IDENTIFY => Some(IDENTIFY_BYTES),
        AdminOpcode::GET_FEATURES => {
            let is_vendors = VENDOR_FEATURES <= sqe.cdw10.get() as u8;
            (!is_vendors).then_some(MOST_FEATURE_BYTES)
        }
        AdminOpcode::GET_LOG_PAGE => {
            let lower = GetLogPageCdw10::from(sqe.cdw10.get()).numdl();
            let upper = GetLogPageCdw11::from(sqe.cdw11.get()).numdu();
            let dwords_z = usize::from(upper) << 16 | usize::from(lower);
            Some((dwords_z + 1) * size_of::<u32>())
        }
        _ => None,
    }
}

/// Refuses what would give the device memory for longer than the command runs, or in another way than it was lent.
#[inline]
pub(crate) fn check(sqe: &Sqe, admin: bool, places: &Places, entry_sizes: (usize, usize)) {
    let queue = places.as_slice().iter().find_map(|place| place.queue);
    let is_queue = queue.is_some();
    let reads_only = places.as_slice().iter().any(|place| !place.writable);
    assert!(
        !(reads_only && writes(sqe)),
        "opcode {:02x}h is of a command that writes host memory, which was lent for reading: lend `&mut` a buffer",
        sqe.opcode(),
    );
    if !admin {
        assert!(!is_queue, "the memory of a queue was lent to an I/O command");
        return;
    }
    const HOST_MEMORY_BUFFER: u32 = 0x0d;
    let what = match sqe.admin_opcode() {
        // The memory of a queue is kept by the controller until the queue is gone.
        // A device that writes completions to a submission queue would fetch them as commands.
        AdminOpcode::CREATE_IO_SQ if queue == Some(QueueKind::Submission) => {
            return check_queue(sqe, places, entry_sizes.0);
        }
        AdminOpcode::CREATE_IO_CQ if queue == Some(QueueKind::Completion) => {
            return check_queue(sqe, places, entry_sizes.1);
        }
        AdminOpcode::CREATE_IO_SQ | AdminOpcode::CREATE_IO_CQ if is_queue => {
            "has the memory of a queue of the other kind"
        }
        _ if is_queue => "has the memory of a queue and does not create one",
        AdminOpcode::CREATE_IO_SQ | AdminOpcode::CREATE_IO_CQ => {
            "creates a queue (use `nvme.create_io_cq` or `nvme.create_io_sq`)"
        }
        AdminOpcode::DOORBELL_BUFFER_CONFIG => "gives the device doorbell buffers",
        AdminOpcode::CONTROLLER_DATA_QUEUE => "gives the device a data queue",
        AdminOpcode::TRACK_SEND => "gives the device memory to log to",
        AdminOpcode::SET_FEATURES if sqe.cdw10.get() & 0xff == HOST_MEMORY_BUFFER => {
            "gives the device a host memory buffer (use `nvme.enable_hmb`)"
        }
        _ => return,
    };
    panic!(
        "a raw command that {what} cannot be run from safe code: the device would use memory \
            after the command is complete"
    );
}

/// Refuses memory that is not that of one queue, and a QSIZE that was edited to be more than it is.
fn check_queue(sqe: &Sqe, places: &Places, entry: usize) {
    // Of more than one piece the controller would keep none (`queue::Claims`).
    assert!(
        matches!(places, Places::One(_)),
        "the memory of a queue is lent by itself, not in a `Vec`"
    );
    let entries = (sqe.cdw10.get() >> 16) as usize + 1;
    let (bytes, len) = (entries * entry, places.len());
    assert!(bytes <= len, "a queue of {entries} entries has {bytes} bytes, and {len} are lent");
}
