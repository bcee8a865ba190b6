//! Identify (Base 5.1.13).

use zerocopy::little_endian::U32;

use crate::command::Admin;
use crate::command::Command;
use crate::controller::Controller;
use crate::memory::DeviceWrite;
use crate::spec::AdminOpcode;
use crate::spec::Cns;
use crate::spec::Csi;
use crate::spec::command::IdentifyCdw10;
use crate::spec::command::IdentifyCdw11;

use super::admin;
use super::dword;

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
}
