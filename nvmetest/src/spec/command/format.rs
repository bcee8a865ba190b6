//! Format NVM (Base 5.1.10, NVM 4.1.2).

use bitfield_struct::bitfield;
use zerocopy::Unaligned;

/// Command Dword 10 of Format NVM (Base 5.1.10).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct FormatNvmCdw10 {
    /// LBAFL: LBA Format Lower, bits 3:0 of the index.
    #[bits(4)]
    pub lbafl: u8,
    /// MSET: Metadata Settings: metadata is part of an extended logical block.
    pub mset: bool,
    /// PI: Protection Information: 000b none, 001b to 011b type 1 to 3.
    #[bits(3)]
    pub pi: u8,
    /// PIL: Protection Information Location: in the first bytes of metadata.
    pub pil: bool,
    /// SES: Secure Erase Settings.
    #[bits(3)]
    pub ses: SecureErase,
    /// LBAFU: LBA Format Upper, bits 5:4 of the index.
    #[bits(2)]
    pub lbafu: u8,
    #[bits(18)]
    __: u32,
}

open_enum! {
    /// SES: Secure Erase Settings (Base 5.1.10).
    #[derive(Unaligned)]
    pub enum SecureErase: u8 {
        NONE = 0b000, "No secure erase operation requested", "Base 5.1.10";
        USER_DATA = 0b001, "User Data Erase", "Base 5.1.10";
        CRYPTOGRAPHIC = 0b010, "Cryptographic Erase", "Base 5.1.10";
    }
}

impl FormatNvmCdw10 {
    /// LBAFU and LBAFL as the index of an LBA format, 0 to 63.
    pub const fn format_index(self) -> u8 {
        self.lbafu() << 4 | self.lbafl()
    }

    /// With LBAFU and LBAFL from the index of an LBA format; only six bits are used.
    pub const fn with_format_index(self, index: u8) -> Self {
        self.with_lbafl(index & 0xF).with_lbafu(index >> 4 & 0b11)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_in_the_bits_of_the_figure() {
        let cdw10 =
            FormatNvmCdw10::new().with_format_index(0x25).with_ses(SecureErase::CRYPTOGRAPHIC);
        assert_eq!(u32::from(cdw10), 0x2405);
        assert_eq!(cdw10.format_index(), 0x25);
        assert_eq!(
            u32::from(FormatNvmCdw10::new().with_mset(true).with_pi(1).with_pil(true)),
            0x130
        );
    }
}
