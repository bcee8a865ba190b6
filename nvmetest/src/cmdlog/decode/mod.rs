//! What a submission queue entry says, in words.

use std::ops::Range;

use crate::spec::NvmOpcode;
use crate::spec::Sqe;

/// Returns the blocks that an I/O command names in its SLBA and NLB fields (NVM 3.3).
pub fn blocks(sqe: &Sqe, admin: bool) -> Option<Range<u64>> {
    let named = matches!(
        sqe.nvm_opcode(),
        NvmOpcode::READ
            | NvmOpcode::WRITE
            | NvmOpcode::COMPARE
            | NvmOpcode::VERIFY
            | NvmOpcode::WRITE_UNCORRECTABLE
            | NvmOpcode::WRITE_ZEROES
    );
    if admin || !named {
        return None;
    }
    let slba = u64::from(sqe.cdw11.get()) << 32 | u64::from(sqe.cdw10.get());
    let nlb = u64::from(sqe.cdw12.get() as u16) + 1;
    Some(slba..slba.saturating_add(nlb))
}
