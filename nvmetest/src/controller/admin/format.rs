//! Format NVM (Base 5.1.10).

use std::time::Duration;

use crate::controller::Controller;
use crate::spec::AdminOpcode;
use crate::spec::command::FormatNvmCdw10;
use crate::spec::command::SecureErase;

use super::ExclusiveCommand;
use super::admin;
use super::dword;

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
    /// Format NVM (Base 5.1.10).
    ///
    /// Exclusive: no queue pair and no [`Namespace`](crate::Namespace) survives a format, for what they know of the
    /// size of a block may be wrong afterwards.
    #[track_caller]
    pub fn format(&mut self, nsid: u32, format: Format) -> ExclusiveCommand<'_> {
        let mut sqe = admin(AdminOpcode::FORMAT_NVM, nsid);
        let cdw10 = FormatNvmCdw10::new()
            .with_format_index(format.lbaf)
            .with_mset(format.extended_metadata)
            .with_pi(format.protection & 0x7)
            .with_pil(format.protection_first)
            .with_ses(SecureErase(format.secure_erase & 0x7));
        sqe.cdw10 = dword(cdw10);
        ExclusiveCommand::new(self, sqe).timeout(Duration::from_secs(120))
    }
}
