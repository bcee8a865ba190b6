//! Creating and deleting I/O queues (Base 5.2.1 to Base 5.2.4).

use zerocopy::little_endian::U32;

use crate::command::Admin;
use crate::command::Command;
use crate::controller::Controller;
use crate::queue::CompletionRing;
use crate::queue::Creation;
use crate::queue::QueueKind;
use crate::queue::QueueMemory;
use crate::queue::SubmissionRing;
use crate::spec::AdminOpcode;
use crate::spec::Sqe;
use crate::spec::command::CreateIoCqCdw11;
use crate::spec::command::CreateIoQueueCdw10;
use crate::spec::command::CreateIoSqCdw11;
use crate::spec::command::DeleteIoQueueCdw10;
use crate::spec::command::QueuePriority;

use super::admin;
use super::dword;

/// Create I/O Completion Queue, field by field (Base 5.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreateIoCq {
    /// QID.
    pub qid: u16,
    /// QSIZE, zero-based.
    pub size_z: u16,
    /// PC: physically contiguous.
    pub contiguous: bool,
    /// IEN: interrupts enabled.
    pub interrupts: bool,
    /// IV: interrupt vector.
    pub vector: u16,
    /// Where the queue starts in its memory, in bytes: not zero only to be wrong.
    pub offset: u16,
}

/// Create I/O Submission Queue, field by field (Base 5.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreateIoSq {
    /// QID.
    pub qid: u16,
    /// QSIZE, zero-based.
    pub size_z: u16,
    /// PC: physically contiguous.
    pub contiguous: bool,
    /// QPRIO.
    pub priority: u8,
    /// CQID.
    pub cqid: u16,
    /// Where the queue starts in its memory, in bytes: not zero only to be wrong.
    pub offset: u16,
}

impl CreateIoCq {
    /// A queue of `entries` entries that is contiguous and does not interrupt.
    ///
    /// # Panics
    ///
    /// Panics if `entries` is not 1 to 65,536.
    #[track_caller]
    pub fn contiguous(qid: u16, entries: u32) -> Self {
        let size_z = zero_based(entries);
        Self { qid, size_z, contiguous: true, interrupts: false, vector: 0, offset: 0 }
    }
}

impl CreateIoSq {
    /// A queue of `entries` entries that is contiguous, and whose commands complete in queue `cqid`.
    ///
    /// # Panics
    ///
    /// Panics if `entries` is not 1 to 65,536.
    #[track_caller]
    pub fn contiguous(qid: u16, entries: u32, cqid: u16) -> Self {
        let size_z = zero_based(entries);
        Self { qid, size_z, contiguous: true, priority: 0, cqid, offset: 0 }
    }
}

#[track_caller]
fn zero_based(entries: u32) -> u16 {
    let size_z = entries.checked_sub(1).and_then(|size_z| u16::try_from(size_z).ok());
    size_z.unwrap_or_else(|| panic!("QSIZE cannot say {entries} entries"))
}

impl Controller {
    /// Create I/O Completion Queue (Base 5.2.1), field by field, right or wrong.
    ///
    /// The memory of the queue is the controller's, and stays so until the queue is deleted or the controller is
    /// disabled. For a queue to work with, use [`qpair`](Self::qpair) or
    /// [`completion_queue`](Self::completion_queue), and [`raw_completion_queue`](Self::raw_completion_queue) to
    /// work with it by hand.
    ///
    /// # Panics
    ///
    /// Panics if there is no memory left.
    #[track_caller]
    pub fn create_io_cq(&self, fields: CreateIoCq) -> Command<Admin, QueueMemory<'_>> {
        let bytes = (usize::from(fields.size_z) + 1) * self.shared().entry_sizes().1;
        let (contiguous, offset) = (fields.contiguous, fields.offset);
        let memory = self.queue_memory(QueueKind::Completion, bytes, contiguous, offset);
        let mut sqe = admin(AdminOpcode::CREATE_IO_CQ, 0);
        sqe.cdw10 = queue_and_size(fields.qid, fields.size_z);
        let cdw11 = CreateIoCqCdw11::new()
            .with_pc(fields.contiguous)
            .with_ien(fields.interrupts)
            .with_iv(fields.vector);
        sqe.cdw11 = dword(cdw11);
        Command::new(sqe, memory)
    }

    /// Create I/O Submission Queue (Base 5.2.2), field by field, right or wrong.
    ///
    /// As for [`create_io_cq`](Self::create_io_cq).
    ///
    /// # Panics
    ///
    /// Panics if there is no memory left.
    #[track_caller]
    pub fn create_io_sq(&self, fields: CreateIoSq) -> Command<Admin, QueueMemory<'_>> {
        let bytes = (usize::from(fields.size_z) + 1) * self.shared().entry_sizes().0;
        let (contiguous, offset) = (fields.contiguous, fields.offset);
        let memory = self.queue_memory(QueueKind::Submission, bytes, contiguous, offset);
        Command::new(create_sq(&fields), memory)
    }

    /// Delete I/O Completion Queue (Base 5.2.3).
    #[track_caller]
    pub fn delete_io_cq(&self, qid: u16) -> Command<Admin> {
        let mut sqe = admin(AdminOpcode::DELETE_IO_CQ, 0);
        sqe.cdw10 = dword(DeleteIoQueueCdw10::new().with_qid(qid));
        Command::new(sqe, ())
    }

    /// Delete I/O Submission Queue (Base 5.2.4).
    #[track_caller]
    pub fn delete_io_sq(&self, qid: u16) -> Command<Admin> {
        let mut sqe = admin(AdminOpcode::DELETE_IO_SQ, 0);
        sqe.cdw10 = dword(DeleteIoQueueCdw10::new().with_qid(qid));
        Command::new(sqe, ())
    }

    #[track_caller]
    pub(crate) fn create_cq_at(
        &self,
        cqid: u16,
        ring: &CompletionRing,
        vector: Option<u16>,
    ) -> Command<Admin, QueueMemory<'_>> {
        let mut sqe = admin(AdminOpcode::CREATE_IO_CQ, 0);
        sqe.cdw10 = queue_and_size(cqid, (ring.entries() - 1) as u16);
        let cdw11 = CreateIoCqCdw11::new().with_pc(true).with_ien(vector.is_some());
        sqe.cdw11 = dword(cdw11.with_iv(vector.unwrap_or(0)));
        Command::new(sqe, QueueMemory::new(self, QueueKind::Completion, ring.block().clone(), 0))
    }

    #[track_caller]
    pub(crate) fn create_sq_at(
        &self,
        sqid: u16,
        ring: &SubmissionRing,
        cqid: u16,
        priority: u8,
    ) -> Command<Admin, QueueMemory<'_>> {
        let size_z = (ring.entries() - 1) as u16;
        let fields = CreateIoSq { qid: sqid, size_z, contiguous: true, priority, cqid, offset: 0 };
        let memory = QueueMemory::new(self, QueueKind::Submission, ring.block().clone(), 0);
        Command::new(create_sq(&fields), memory)
    }

    /// Memory for a queue of `bytes` bytes; if it is not contiguous, a PRP List of its pages comes first.
    fn queue_memory(
        &self,
        kind: QueueKind,
        bytes: usize,
        contiguous: bool,
        offset: u16,
    ) -> QueueMemory<'_> {
        let creation = Creation(self.shared());
        let page = self.shared().page_size();
        let list = if contiguous { 0 } else { page };
        let block = creation.block(list as usize + bytes + usize::from(offset));
        let block = block.unwrap_or_else(|error| panic!("{error}"));
        if !contiguous {
            let entries = (bytes as u64).div_ceil(page).min(page / 8);
            for entry in 0..entries {
                let address = block.iova().0 + list + entry * page;
                block.write(entry as usize * 8, &address.to_le_bytes());
            }
        }
        QueueMemory::new(self, kind, block, offset.into())
    }
}

fn create_sq(fields: &CreateIoSq) -> Sqe {
    let mut sqe = admin(AdminOpcode::CREATE_IO_SQ, 0);
    sqe.cdw10 = queue_and_size(fields.qid, fields.size_z);
    let cdw11 = CreateIoSqCdw11::new()
        .with_pc(fields.contiguous)
        .with_qprio(QueuePriority(fields.priority & 0x3))
        .with_cqid(fields.cqid);
    sqe.cdw11 = dword(cdw11);
    sqe
}

fn queue_and_size(qid: u16, size_z: u16) -> U32 {
    dword(CreateIoQueueCdw10::new().with_qid(qid).with_qsize_z(size_z))
}
