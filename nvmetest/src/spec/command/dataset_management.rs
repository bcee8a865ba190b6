//! Dataset Management (NVM 3.3.3).

use bitfield_struct::bitfield;
use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;
use zerocopy::little_endian::U32;
use zerocopy::little_endian::U64;

/// Command Dword 10 of Dataset Management (NVM 3.3.3).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct DatasetManagementCdw10 {
    /// NR: Number of Ranges, zero-based.
    pub nr_z: u8,
    #[bits(24)]
    __: u32,
}

/// Command Dword 11 of Dataset Management (NVM 3.3.3).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct DatasetManagementCdw11 {
    /// IDR: Attribute - Integral Dataset for Read.
    pub idr: bool,
    /// IDW: Attribute - Integral Dataset for Write.
    pub idw: bool,
    /// AD: Attribute - Deallocate.
    pub ad: bool,
    #[bits(29)]
    __: u32,
}

/// One range of Dataset Management: 16 bytes; up to 256 are in the data buffer (NVM 3.3.3).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct DatasetManagementRange {
    /// CATTR: Context Attributes.
    pub cattr: ContextAttributes,
    /// LLB: Length in Logical Blocks; a count and not zero-based.
    pub llb: U32,
    /// SLBA: Starting LBA.
    pub slba: U64,
}

const _: () = assert!(size_of::<DatasetManagementRange>() == 16);

wire_bitfield! {
    /// CATTR: Context Attributes (NVM 3.3.3.2).
    pub struct ContextAttributes: u32 {
        /// AF: Access Frequency.
        #[bits(4)]
        pub af: u8,
        /// AL: Access Latency: 00b none, 01b idle, 10b normal, 11b low.
        #[bits(2)]
        pub al: u8,
        #[bits(2)]
        __: u8,
        /// SRR: Sequential Read Range.
        pub srr: bool,
        /// SWR: Sequential Write Range.
        pub swr: bool,
        /// WPREP: Write Prepare.
        pub wprep: bool,
        #[bits(13)]
        __: u16,
        /// CASZE: Command Access Size in logical blocks.
        pub casze: u8,
    }
}

impl DatasetManagementRange {
    /// A range without context attributes.
    pub const fn new(slba: u64, llb: u32) -> Self {
        Self { cattr: ContextAttributes::new(), llb: U32::new(llb), slba: U64::new(slba) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_the_bytes_of_the_figure() {
        let range = DatasetManagementRange::new(0x0807_0605_0403_0201, 0x0C0B_0A09);
        assert_eq!(range.as_bytes(), [0, 0, 0, 0, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6, 7, 8]);
        let attributes = ContextAttributes::from(0xA500_0735);
        assert_eq!((attributes.af(), attributes.al(), attributes.casze()), (5, 3, 0xA5));
        assert!(attributes.srr() && attributes.swr() && attributes.wprep());
    }

    #[test]
    fn the_fields_are_in_the_bits_of_the_figures() {
        assert_eq!(DatasetManagementCdw10::from(0x1FF).nr_z(), 0xFF);
        let bits = |bit: u32| DatasetManagementCdw11::from(1 << bit);
        assert!(bits(0).idr() && bits(1).idw() && bits(2).ad());
    }
}
