//! Supported Log Pages, log page 00h (Base 5.1.12.1.1).

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;

use super::Lid;

/// What the controller says of each log page: 1024 bytes (Base 5.1.12.1.1).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct SupportedLogPages {
    /// LIS0 to LIS255: LID Supported and Effects, by LID.
    pub lis: [LidSupported; 256],
}

const _: () = assert!(size_of::<SupportedLogPages>() == 1024);

wire_bitfield! {
    /// LID Supported and Effects data structure (Base 5.1.12.1.1).
    pub struct LidSupported: u32 {
        /// LSUPP: the log page is supported.
        pub lsupp: bool,
        /// IOS: an index offset is supported, and not a byte offset only.
        pub ios: bool,
        #[bits(14)]
        __: u16,
        /// LIDSP: LID Specific Parameter.
        pub lidsp: u16,
    }
}

impl SupportedLogPages {
    /// What the page says of one log page.
    pub const fn get(&self, lid: Lid) -> LidSupported {
        self.lis[lid.0 as usize]
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    #[test]
    fn each_log_page_has_one_dword() {
        let mut page = SupportedLogPages::new_zeroed();
        page.as_mut_bytes()[8] = 0b11;
        page.as_mut_bytes()[1023] = 0xA5;
        assert!(page.get(Lid::SMART).lsupp() && page.get(Lid::SMART).ios());
        assert!(!page.get(Lid::ERROR_INFORMATION).lsupp());
        assert_eq!(page.get(Lid(0xFF)).lidsp(), 0xA500);
    }
}
