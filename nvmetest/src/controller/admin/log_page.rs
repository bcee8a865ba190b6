//! Get Log Page (Base 5.1.12).

use zerocopy::little_endian::U32;

use crate::command::Admin;
use crate::command::Command;
use crate::controller::Controller;
use crate::memory::Data;
use crate::memory::DeviceWrite;
use crate::spec::AdminOpcode;
use crate::spec::Csi;
use crate::spec::Lid;
use crate::spec::command::GetLogPageCdw10;
use crate::spec::command::GetLogPageCdw11;
use crate::spec::command::GetLogPageCdw14;

use super::admin;
use super::dword;

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

impl Controller {
    /// Get Log Page (Base 5.1.12): as many bytes as `data` holds.
    ///
    /// # Panics
    ///
    /// Panics if `data` is not a whole number of dwords.
    #[track_caller]
    pub fn get_log_page<D: DeviceWrite>(&self, what: LogPage, data: D) -> Command<Admin, D::Lent> {
        let data = data.lend();
        let len = data.bytes();
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
}
