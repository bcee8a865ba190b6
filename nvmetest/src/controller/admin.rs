//! Admin commands as values (Base 5).

use zerocopy::FromZeros;
use zerocopy::little_endian::U32;

use crate::command::{Admin, Command};
use crate::memory::{DeviceRead, DeviceWrite};
use crate::queue::{CompletionRing, Creation, QueueMemory, SubmissionRing};
use crate::spec::command::{
    AbortCdw10, CreateIoCqCdw11, CreateIoQueueCdw10, CreateIoSqCdw11, DeleteIoQueueCdw10,
    FormatNvmCdw10, GetFeaturesCdw10, GetLogPageCdw10, GetLogPageCdw11, GetLogPageCdw14,
    IdentifyCdw10, IdentifyCdw11, QueuePriority, SecureErase, SetFeaturesCdw10,
};
use crate::spec::feature::Select;
use crate::spec::{AdminOpcode, Cns, Csi, Lid, Sqe};

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
        sqe.cdw10 = dword(IdentifyCdw10::new().with_cns(Cns(what.cns)).with_cntid(what.cntid));
        let cdw11 = IdentifyCdw11::new().with_cnssid(what.cns_specific).with_csi(Csi(what.csi));
        sqe.cdw11 = dword(cdw11);
        sqe.cdw14 = U32::new(what.uuid_index.into());
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
        let cdw10 = GetLogPageCdw10::new()
            .with_lid(Lid(what.lid))
            .with_lsp(what.lsp & 0x7f)
            .with_rae(what.retain_event)
            .with_numdl(numd_z as u16);
        sqe.cdw10 = dword(cdw10);
        let numdu = (numd_z >> 16) as u16;
        sqe.cdw11 = dword(GetLogPageCdw11::new().with_numdu(numdu).with_lsi(what.lsi));
        sqe.cdw12 = U32::new(what.offset as u32);
        sqe.cdw13 = U32::new((what.offset >> 32) as u32);
        let uidx = what.uuid_index & 0x7f;
        sqe.cdw14 = dword(GetLogPageCdw14::new().with_uidx(uidx).with_csi(Csi(what.csi)));
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
        let memory = self.queue_memory(bytes, fields.contiguous, fields.offset);
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
    pub fn create_io_sq(&self, fields: CreateIoSq) -> Command<Admin, QueueMemory> {
        let bytes = (usize::from(fields.size_z) + 1) * 64;
        let memory = self.queue_memory(bytes, fields.contiguous, fields.offset);
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

    /// Abort (Base 5.1.1): bit 0 of the completion's `cdw0` is 0 if the command was aborted.
    #[track_caller]
    pub fn abort(&self, sqid: u16, cid: u16) -> Command<Admin> {
        let mut sqe = admin(AdminOpcode::ABORT, 0);
        sqe.cdw10 = dword(AbortCdw10::new().with_sqid(sqid).with_cid(cid));
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
        let cdw10 = FormatNvmCdw10::new()
            .with_format_index(format.lbaf)
            .with_mset(format.extended_metadata)
            .with_pi(format.protection & 0x7)
            .with_pil(format.protection_first)
            .with_ses(SecureErase(format.secure_erase & 0x7));
        sqe.cdw10 = dword(cdw10);
        Command::new(sqe, ()).timeout(std::time::Duration::from_secs(120))
    }

    #[track_caller]
    pub(crate) fn create_cq_at(
        &self,
        cqid: u16,
        ring: &CompletionRing,
        vector: Option<u16>,
    ) -> Command<Admin, QueueMemory> {
        let mut sqe = admin(AdminOpcode::CREATE_IO_CQ, 0);
        sqe.cdw10 = queue_and_size(cqid, (ring.entries() - 1) as u16);
        let cdw11 = CreateIoCqCdw11::new().with_pc(true).with_ien(vector.is_some());
        sqe.cdw11 = dword(cdw11.with_iv(vector.unwrap_or(0)));
        Command::new(sqe, QueueMemory::new(ring.block().clone(), 0))
    }

    #[track_caller]
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

    /// Memory for a queue of `bytes` bytes; if it is not contiguous, a PRP List of its pages comes first.
    fn queue_memory(&self, bytes: usize, contiguous: bool, offset: u16) -> QueueMemory {
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
        self.shared().park(block.clone());
        QueueMemory::new(block, offset.into())
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

impl<D: crate::memory::Data> Command<Admin, D> {
    /// SEL of Get Features (Base 5.1.11): which value is wanted.
    pub fn select(self, select: Select) -> Self {
        self.edit(|sqe| {
            let cdw10 = GetFeaturesCdw10::from(sqe.cdw10.get());
            sqe.cdw10 = dword(cdw10.with_sel(select));
        })
    }

    /// SV of Set Features (Base 5.1.25): the value is restored after a reset and a power cycle.
    pub fn save(self) -> Self {
        self.edit(|sqe| {
            sqe.cdw10 = dword(SetFeaturesCdw10::from(sqe.cdw10.get()).with_sv(true));
        })
    }

    /// Replaces Command Dword 11: what a feature takes beside its identifier.
    pub fn cdw11(self, cdw11: u32) -> Self {
        self.edit(|sqe| sqe.cdw11 = U32::new(cdw11))
    }
}

fn queue_and_size(qid: u16, size_z: u16) -> U32 {
    dword(CreateIoQueueCdw10::new().with_qid(qid).with_qsize_z(size_z))
}

fn dword(bits: impl Into<u32>) -> U32 {
    U32::new(bits.into())
}

fn admin(opcode: AdminOpcode, nsid: u32) -> Sqe {
    let mut sqe = Sqe::new_zeroed();
    sqe.set_opcode(opcode.0);
    sqe.nsid = U32::new(nsid);
    sqe
}
