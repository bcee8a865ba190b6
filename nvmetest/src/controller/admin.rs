//! Admin commands as values (Base 5).

use zerocopy::FromZeros;
use zerocopy::little_endian::U32;

use crate::command::{Admin, Command};
use crate::memory::{DeviceRead, DeviceWrite};
use crate::queue::{CompletionRing, QueueMemory, SubmissionRing};
use crate::spec::{AdminOpcode, Sqe};

use super::Controller;

/// What Identify asks for (Base 5.1.13): one field for each of the command.
///
/// ```
/// use nvmetest::Identify;
///
/// assert_eq!(Identify::CONTROLLER.cns, 0x01);
/// assert_eq!(Identify::active_namespaces(7).nsid, 7);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Identify {
    /// CNS: which data structure.
    pub cns: u8,
    /// NSID, where the structure is about one.
    pub nsid: u32,
    /// CNTID, where the structure is about one.
    pub cntid: u16,
    /// CNS Specific Identifier.
    pub cns_specific: u16,
    /// CSI: the I/O command set.
    pub csi: u8,
    /// UUID Index.
    pub uuid_index: u8,
}

impl Identify {
    /// CNS 01h: Identify Controller.
    pub const CONTROLLER: Self = Self::of(0x01, 0);

    /// CNS `cns` for `nsid`, with all else zero.
    pub const fn of(cns: u8, nsid: u32) -> Self {
        Self { cns, nsid, cntid: 0, cns_specific: 0, csi: 0, uuid_index: 0 }
    }

    /// CNS 00h: Identify Namespace.
    pub const fn namespace(nsid: u32) -> Self {
        Self::of(0x00, nsid)
    }

    /// CNS 02h: the active namespaces behind `after`.
    pub const fn active_namespaces(after: u32) -> Self {
        Self::of(0x02, after)
    }

    /// CNS 03h: Namespace Identification Descriptors.
    pub const fn descriptors(nsid: u32) -> Self {
        Self::of(0x03, nsid)
    }
}

/// What Get Log Page asks for (Base 5.1.12). The length is that of the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogPage {
    /// LID: which log.
    pub lid: u8,
    /// NSID: FFFFFFFFh, or 0h, for the whole controller.
    pub nsid: u32,
    /// LSP: log specific parameter.
    pub lsp: u8,
    /// RAE: the event that the log belongs to stays masked.
    pub retain_event: bool,
    /// LSI: log specific identifier.
    pub lsi: u16,
    /// LPO: where in the log to start, in bytes.
    pub offset: u64,
    /// CSI: the I/O command set.
    pub csi: u8,
    /// UUID Index.
    pub uuid_index: u8,
}

impl LogPage {
    /// The log `lid` of the controller from its start, without RAE.
    pub const fn of(lid: u8) -> Self {
        Self {
            lid,
            nsid: u32::MAX,
            lsp: 0,
            retain_event: false,
            lsi: 0,
            offset: 0,
            csi: 0,
            uuid_index: 0,
        }
    }
}

/// SEL of Get Features (Base 5.1.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Select {
    /// The value in use.
    Current = 0,
    /// The value that the controller was made with.
    Default = 1,
    /// The value that a reset restores.
    Saved = 2,
    /// What can be done with the feature: bit 0 saveable, bit 1 namespace specific, bit 2 changeable.
    Supported = 3,
}

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

/// Format NVM, field by field (Base 5.1.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Format {
    /// LBAF: the index of the LBA format; its upper two bits go where revision 2.0 put them.
    pub lbaf: u8,
    /// MSET: metadata as part of an extended LBA.
    pub extended_metadata: bool,
    /// PI: the protection information type.
    pub protection: u8,
    /// PIL: protection information in the first bytes of the metadata.
    pub protection_first: bool,
    /// SES: 0 none, 1 user data erase, 2 cryptographic erase.
    pub secure_erase: u8,
}

impl Controller {
    /// Identify (Base 5.1.13).
    #[track_caller]
    pub fn identify<D: DeviceWrite>(&self, what: Identify, page: D) -> Command<Admin, D::Lent> {
        let mut sqe = admin(AdminOpcode::IDENTIFY, what.nsid);
        sqe.cdw10 = U32::new(u32::from(what.cns) | u32::from(what.cntid) << 16);
        sqe.cdw11 = U32::new(u32::from(what.cns_specific) | u32::from(what.csi) << 24);
        sqe.cdw14 = U32::new(u32::from(what.uuid_index));
        Command::new(sqe, page.lend())
    }

    /// Get Log Page (Base 5.1.12): as many bytes as `data` holds.
    ///
    /// # Panics
    ///
    /// Panics if `data` is not a whole number of dwords.
    #[track_caller]
    pub fn get_log_page<D: DeviceWrite>(&self, what: LogPage, data: D) -> Command<Admin, D::Lent> {
        use crate::memory::Data;
        let data = data.lend();
        let len = data.places().len();
        assert!(0 < len && len.is_multiple_of(4), "a log is read in dwords, not in {len} bytes");
        let numd_z = u32::try_from(len / 4 - 1).expect("a buffer has less than 16 GiB");
        let mut sqe = admin(AdminOpcode::GET_LOG_PAGE, what.nsid);
        sqe.cdw10 = U32::new(
            u32::from(what.lid)
                | u32::from(what.lsp & 0x7f) << 8
                | u32::from(what.retain_event) << 15
                | (numd_z & 0xffff) << 16,
        );
        sqe.cdw11 = U32::new(numd_z >> 16 | u32::from(what.lsi) << 16);
        sqe.cdw12 = U32::new(what.offset as u32);
        sqe.cdw13 = U32::new((what.offset >> 32) as u32);
        sqe.cdw14 = U32::new(u32::from(what.uuid_index) | u32::from(what.csi) << 24);
        Command::new(sqe, data)
    }

    /// Get Features (Base 5.1.11): the current value, in the completion's `cdw0`.
    #[track_caller]
    pub fn get_features(&self, fid: u8) -> Command<Admin> {
        let mut sqe = admin(AdminOpcode::GET_FEATURES, 0);
        sqe.cdw10 = U32::new(fid.into());
        Command::new(sqe, ())
    }

    /// Get Features (Base 5.1.11), for a feature with a data structure.
    #[track_caller]
    pub fn get_features_data<D: DeviceWrite>(&self, fid: u8, data: D) -> Command<Admin, D::Lent> {
        let mut sqe = admin(AdminOpcode::GET_FEATURES, 0);
        sqe.cdw10 = U32::new(fid.into());
        Command::new(sqe, data.lend())
    }

    /// Set Features (Base 5.1.25).
    #[track_caller]
    pub fn set_features(&self, fid: u8, cdw11: u32) -> Command<Admin> {
        let mut sqe = admin(AdminOpcode::SET_FEATURES, 0);
        sqe.cdw10 = U32::new(fid.into());
        sqe.cdw11 = U32::new(cdw11);
        Command::new(sqe, ())
    }

    /// Set Features (Base 5.1.25), for a feature with a data structure.
    #[track_caller]
    pub fn set_features_data<D: DeviceRead>(&self, fid: u8, data: D) -> Command<Admin, D::Lent> {
        let mut sqe = admin(AdminOpcode::SET_FEATURES, 0);
        sqe.cdw10 = U32::new(fid.into());
        Command::new(sqe, data.lend())
    }

    /// Create I/O Completion Queue (Base 5.2.1), field by field, right or wrong.
    ///
    /// The memory of the queue is the controller's, and stays so until it is disabled. For a queue to work
    /// with, use [`qpair`](Self::qpair) or [`completion_queue`](Self::completion_queue).
    ///
    /// # Panics
    ///
    /// Panics if there is no memory left.
    #[track_caller]
    pub fn create_io_cq(&self, fields: CreateIoCq) -> Command<Admin, QueueMemory> {
        let bytes = (usize::from(fields.size_z) + 1) * 16;
        let memory = self.queue_memory(bytes, fields.offset);
        let mut sqe = admin(AdminOpcode::CREATE_IO_CQ, 0);
        sqe.cdw10 = U32::new(u32::from(fields.qid) | u32::from(fields.size_z) << 16);
        sqe.cdw11 = U32::new(
            u32::from(fields.contiguous)
                | u32::from(fields.interrupts) << 1
                | u32::from(fields.vector) << 16,
        );
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
    pub fn create_io_sq(&self, fields: CreateIoSq) -> Command<Admin, QueueMemory> {
        let bytes = (usize::from(fields.size_z) + 1) * 64;
        let memory = self.queue_memory(bytes, fields.offset);
        Command::new(create_sq(&fields), memory)
    }

    /// Delete I/O Completion Queue (Base 5.2.3).
    #[track_caller]
    pub fn delete_io_cq(&self, qid: u16) -> Command<Admin> {
        let mut sqe = admin(AdminOpcode::DELETE_IO_CQ, 0);
        sqe.cdw10 = U32::new(qid.into());
        Command::new(sqe, ())
    }

    /// Delete I/O Submission Queue (Base 5.2.4).
    #[track_caller]
    pub fn delete_io_sq(&self, qid: u16) -> Command<Admin> {
        let mut sqe = admin(AdminOpcode::DELETE_IO_SQ, 0);
        sqe.cdw10 = U32::new(qid.into());
        Command::new(sqe, ())
    }

    /// Abort (Base 5.1.1): bit 0 of the completion's `cdw0` is 0 if the command was aborted.
    #[track_caller]
    pub fn abort(&self, sqid: u16, cid: u16) -> Command<Admin> {
        let mut sqe = admin(AdminOpcode::ABORT, 0);
        sqe.cdw10 = U32::new(u32::from(sqid) | u32::from(cid) << 16);
        Command::new(sqe, ())
    }

    /// Asynchronous Event Request (Base 5.1.2): completes when there is an event, which may be never.
    ///
    /// For events that a test only wants to see there is [`events`](Self::events).
    #[track_caller]
    pub fn async_event_request(&self) -> Command<Admin> {
        Command::new(admin(AdminOpcode::ASYNC_EVENT_REQUEST, 0), ())
    }

    /// Keep Alive (Base 5.1.14).
    #[track_caller]
    pub fn keep_alive(&self) -> Command<Admin> {
        Command::new(admin(AdminOpcode::KEEP_ALIVE, 0), ())
    }

    /// Format NVM (Base 5.1.10).
    ///
    /// Queue pairs and namespaces that are in use see the new format only when they are made again.
    #[track_caller]
    pub fn format(&self, nsid: u32, format: Format) -> Command<Admin> {
        let mut sqe = admin(AdminOpcode::FORMAT_NVM, nsid);
        sqe.cdw10 = U32::new(
            u32::from(format.lbaf & 0xf)
                | u32::from(format.extended_metadata) << 4
                | u32::from(format.protection & 0x7) << 5
                | u32::from(format.protection_first) << 8
                | u32::from(format.secure_erase & 0x7) << 9
                | u32::from(format.lbaf >> 4 & 0x3) << 12,
        );
        Command::new(sqe, ()).timeout(std::time::Duration::from_secs(120))
    }

    pub(crate) fn create_cq_at(
        &self,
        cqid: u16,
        ring: &CompletionRing,
        vector: Option<u16>,
    ) -> Command<Admin, QueueMemory> {
        let mut sqe = admin(AdminOpcode::CREATE_IO_CQ, 0);
        sqe.cdw10 = U32::new(u32::from(cqid) | (ring.entries() - 1) << 16);
        let interrupts = vector.map_or(0, |vector| 1 << 1 | u32::from(vector) << 16);
        sqe.cdw11 = U32::new(1 | interrupts);
        Command::new(sqe, QueueMemory::new(ring.block().clone(), 0))
    }

    pub(crate) fn create_sq_at(
        &self,
        sqid: u16,
        ring: &SubmissionRing,
        cqid: u16,
        priority: u8,
    ) -> Command<Admin, QueueMemory> {
        let size_z = (ring.entries() - 1) as u16;
        let fields = CreateIoSq { qid: sqid, size_z, contiguous: true, priority, cqid, offset: 0 };
        Command::new(create_sq(&fields), QueueMemory::new(ring.block().clone(), 0))
    }

    fn queue_memory(&self, bytes: usize, offset: u16) -> QueueMemory {
        let creation = crate::queue::Creation(self.shared());
        let block = creation.block(bytes + usize::from(offset));
        let block = block.unwrap_or_else(|error| panic!("{error}"));
        self.shared().park(block.clone());
        QueueMemory::new(block, offset.into())
    }
}

fn create_sq(fields: &CreateIoSq) -> Sqe {
    let mut sqe = admin(AdminOpcode::CREATE_IO_SQ, 0);
    sqe.cdw10 = U32::new(u32::from(fields.qid) | u32::from(fields.size_z) << 16);
    sqe.cdw11 = U32::new(
        u32::from(fields.contiguous)
            | u32::from(fields.priority & 0x3) << 1
            | u32::from(fields.cqid) << 16,
    );
    sqe
}

impl<D: crate::memory::Data> Command<Admin, D> {
    /// SEL of Get Features (Base 5.1.11): which value is wanted.
    pub fn select(self, select: Select) -> Self {
        self.edit(|sqe| {
            let others = sqe.cdw10.get() & !0x700;
            sqe.cdw10 = U32::new(others | u32::from(select as u8) << 8);
        })
    }

    /// SV of Set Features (Base 5.1.25): the value is restored after a reset and a power cycle.
    pub fn save(self) -> Self {
        self.edit(|sqe| sqe.cdw10 = U32::new(sqe.cdw10.get() | 1 << 31))
    }

    /// Replaces Command Dword 11: what a feature takes beside its identifier.
    pub fn cdw11(self, cdw11: u32) -> Self {
        self.edit(|sqe| sqe.cdw11 = U32::new(cdw11))
    }
}

fn admin(opcode: AdminOpcode, nsid: u32) -> Sqe {
    let mut sqe = Sqe::new_zeroed();
    sqe.set_opcode(opcode.0);
    sqe.nsid = U32::new(nsid);
    sqe
}
