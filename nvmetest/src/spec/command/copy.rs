//! Copy (NVM 3.3.2).
//!
//! Command Dwords 10 and 11 are the Starting Destination LBA, lower half first.

use bitfield_struct::bitfield;
use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;
use zerocopy::little_endian::U16;
use zerocopy::little_endian::U32;
use zerocopy::little_endian::U64;

use super::protection::Prinfo;
use crate::spec::reserved::Reserved;

/// Command Dword 12 of Copy (NVM 3.3.2).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct CopyCdw12 {
    /// NR: Number of Ranges, zero-based.
    pub nr_z: u8,
    /// CDFT: Copy Descriptor Format Type.
    #[bits(4)]
    pub cdft: u8,
    /// PRINFOR: Protection Information of the reads.
    #[bits(4)]
    pub prinfor: Prinfo,
    /// CETYPE: Command Extension Type.
    #[bits(4)]
    pub cetype: u8,
    /// DTYPE: Directive Type.
    #[bits(4)]
    pub dtype: u8,
    /// STCW: Storage Tag Check of the write.
    pub stcw: bool,
    /// STCR: Storage Tag Check of the reads.
    pub stcr: bool,
    /// PRINFOW: Protection Information of the write.
    #[bits(4)]
    pub prinfow: Prinfo,
    /// FUA: Force Unit Access of the write.
    pub fua: bool,
    /// LR: Limited Retry.
    pub lr: bool,
}

/// Source Range of Copy Descriptor Format 0h: 32 bytes; up to 128 are in the data buffer
/// (NVM 3.3.2).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct CopySourceRange {
    /// SPARS: Source Parameters; reserved in format 0h, the NSID in format 2h.
    pub spars: U32,
    /// Reserved.
    pub reserved4: Reserved<4>,
    /// SLBA: Starting LBA.
    pub slba: U64,
    /// RPARS: Read Parameters.
    pub rpars: ReadParameters,
    /// CEV: Command Extension Value.
    pub cev: U16,
    /// SOPT: Source Options; reserved in format 0h.
    pub sopt: U16,
    /// ELBT: Expected Logical Block Tags.
    pub elbt: U32,
    /// ELBAT: Expected Logical Block Application Tag.
    pub elbat: U16,
    /// ELBATM: Expected Logical Block Application Tag Mask.
    pub elbatm: U16,
}

const _: () = assert!(size_of::<CopySourceRange>() == 32);

wire_bitfield! {
    /// RPARS: Read Parameters of a source range (NVM 3.3.2).
    pub struct ReadParameters: u32 {
        /// NLB: Number of Logical Blocks, zero-based.
        pub nlb_z: u16,
        /// CETYPE: Command Extension Type.
        #[bits(4)]
        pub cetype: u8,
        #[bits(12)]
        __: u16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_range_has_its_fields_at_the_offsets_of_the_figure() {
        let bytes: [u8; 32] = std::array::from_fn(|index| index as u8);
        let range = CopySourceRange::read_from_bytes(&bytes).expect("32 bytes are one range");
        assert_eq!(range.spars.get(), 0x0302_0100);
        assert_eq!(range.slba.get(), 0x0F0E_0D0C_0B0A_0908);
        assert_eq!(range.rpars.nlb_z(), 0x1110);
        assert_eq!((range.cev.get(), range.sopt.get()), (0x1514, 0x1716));
        assert_eq!(range.elbt.get(), 0x1B1A_1918);
        assert_eq!((range.elbat.get(), range.elbatm.get()), (0x1D1C, 0x1F1E));
    }

    #[test]
    fn the_fields_are_in_the_bits_of_the_figure() {
        let bits = |bit: u32| CopyCdw12::from(1 << bit);
        assert_eq!(CopyCdw12::from(0x17F).nr_z(), 0x7F);
        assert_eq!((bits(8).cdft(), bits(16).cetype(), bits(20).dtype()), (1, 1, 1));
        assert!(bits(15).prinfor().pract() && bits(24).stcw() && bits(25).stcr());
        assert!(bits(29).prinfow().pract() && bits(30).fua() && bits(31).lr());
    }
}
