//! Error Information, log page 01h (Base 5.1.12.1.2).

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;
use zerocopy::little_endian::U16;
use zerocopy::little_endian::U32;
use zerocopy::little_endian::U64;

use crate::spec::cqe::StatusField;
use crate::spec::reserved::Reserved;

/// Error Information Log Entry: 64 bytes; the page has ELPE + 1 of them, the newest first
/// (Base 5.1.12.1.2).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct ErrorInformation {
    /// ECNT: Error Count, from 1h up and kept across power cycles; 0h is an unused entry.
    pub ecnt: U64,
    /// SQID: Submission Queue ID; FFFFh if the error belongs to no command.
    pub sqid: U16,
    /// CID: Command ID; FFFFh if the error belongs to no command.
    pub cid: U16,
    /// STS: the status field of the completion, with the phase tag in bit 0.
    pub sts: U16,
    /// PEL: Parameter Error Location; FFFFh if it is in no parameter.
    pub pel: ParameterErrorLocation,
    /// LBA: the first LBA with the error.
    pub lba: U64,
    /// NSID: Namespace Identifier.
    pub nsid: U32,
    /// VSIA: Vendor Specific Information Available, a LID of 80h or more; 00h is none.
    pub vsia: u8,
    /// TRTYPE: Transport Type; 0h for PCIe.
    pub trtype: u8,
    /// CSI: Command Set Indicator.
    pub csi: u8,
    /// OPC: Opcode; valid as LPVER says.
    pub opc: u8,
    /// CSINFO: Command Specific Information.
    pub csinfo: U64,
    /// TTSI: Transport Type Specific Information.
    pub ttsi: U16,
    /// Reserved.
    pub reserved42: Reserved<21>,
    /// LPVER: Log Page Version; 1h says that CSI and OPC are valid.
    pub lpver: u8,
}

const _: () = assert!(size_of::<ErrorInformation>() == 64);

wire_bitfield! {
    /// PEL: Parameter Error Location, a byte and a bit of the command (Base 5.1.12.1.2).
    pub struct ParameterErrorLocation: u16 {
        /// BYTIN: the byte of the command.
        pub bytin: u8,
        /// BITIN: the bit of the byte.
        #[bits(3)]
        pub bitin: u8,
        #[bits(5)]
        __: u8,
    }
}

impl ErrorInformation {
    /// STS as a status field.
    pub const fn status_field(&self) -> StatusField {
        StatusField::from_bits(self.sts.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_at_the_offset_of_the_figure() {
        let bytes: [u8; 64] = std::array::from_fn(|index| index as u8);
        let entry = ErrorInformation::read_from_bytes(&bytes).expect("64 bytes are one entry");
        assert_eq!(entry.ecnt.get(), 0x0706_0504_0302_0100);
        assert_eq!((entry.sqid.get(), entry.cid.get(), entry.sts.get()), (0x0908, 0x0B0A, 0x0D0C));
        assert_eq!((entry.pel.bytin(), entry.pel.bitin()), (0x0E, 0x0F & 7));
        assert_eq!(entry.lba.get(), 0x1716_1514_1312_1110);
        assert_eq!(entry.nsid.get(), 0x1B1A_1918);
        assert_eq!((entry.vsia, entry.trtype, entry.csi, entry.opc), (28, 29, 30, 31));
        assert_eq!(entry.csinfo.get(), 0x2726_2524_2322_2120);
        assert_eq!((entry.ttsi.get(), entry.lpver), (0x2928, 63));
    }
}
