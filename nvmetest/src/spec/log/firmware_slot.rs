//! Firmware Slot Information, log page 03h (Base 5.1.12.1.4).

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;

use crate::spec::ascii::Ascii;
use crate::spec::reserved::Reserved;

/// Firmware Slot Information log page: 512 bytes (Base 5.1.12.1.4).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct FirmwareSlotInformation {
    /// AFI: Active Firmware Info.
    pub afi: Afi,
    /// Reserved.
    pub reserved1: Reserved<7>,
    /// FRS1 to FRS7: Firmware Revision for Slot 1 to 7; all zeroes in a slot that is empty.
    pub frs: [Ascii<8>; 7],
    /// Reserved.
    pub reserved64: Reserved<448>,
}

const _: () = assert!(size_of::<FirmwareSlotInformation>() == 512);

wire_bitfield! {
    /// AFI: Active Firmware Info (Base 5.1.12.1.4).
    pub struct Afi: u8 {
        /// CAFS: the slot that the active firmware was loaded from, 1 to 7.
        #[bits(3)]
        pub cafs: u8,
        __: bool,
        /// NCLRAFS: the slot to be activated at the next Controller Level Reset; 0h is not said.
        #[bits(3)]
        pub nclrafs: u8,
        __: bool,
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    #[test]
    fn each_slot_is_at_the_offset_of_the_figure() {
        let mut page = FirmwareSlotInformation::new_zeroed();
        page.as_mut_bytes()[0] = 0x21;
        page.as_mut_bytes()[8..16].copy_from_slice(b"1.0     ");
        page.as_mut_bytes()[56..64].copy_from_slice(b"7.0     ");
        assert_eq!((page.afi.cafs(), page.afi.nclrafs()), (1, 2));
        assert_eq!((page.frs[0].text(), page.frs[6].text()), ("1.0".into(), "7.0".into()));
    }
}
