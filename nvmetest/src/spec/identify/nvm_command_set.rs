//! Identify data structures specific to the NVM Command Set, CNS 05h and 06h with CSI 00h
//! (NVM 4.1.5.3, NVM 4.1.5.4).

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;
use zerocopy::little_endian::U16;
use zerocopy::little_endian::U32;
use zerocopy::little_endian::U64;

use crate::spec::reserved::Reserved;

/// NVM Command Set Identify Namespace data structure, CNS 05h: 4096 bytes (NVM 4.1.5.3).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct IdentifyNvmNamespace {
    /// LBSTM: Logical Block Storage Tag Mask.
    pub lbstm: U64,
    /// PIC: Protection Information Capabilities.
    pub pic: Pic,
    /// PIFA: Protection Information Format Attribute; bits 2:0 are STMLA.
    pub pifa: u8,
    /// Reserved.
    pub reserved10: Reserved<2>,
    /// ELBAF0 to ELBAF63: Extended LBA Formats.
    pub elbaf: [ExtendedLbaFormat; 64],
    /// NPDGL: Namespace Preferred Deallocate Granularity Large in logical blocks; 0h is none.
    pub npdgl: U32,
    /// NPRG: Namespace Preferred Read Granularity in logical blocks, zero-based.
    pub nprg_z: U32,
    /// NPRA: Namespace Preferred Read Alignment in logical blocks, zero-based.
    pub npra_z: U32,
    /// NORS: Namespace Optimal Read Size in logical blocks, zero-based.
    pub nors_z: U32,
    /// NPDAL: Namespace Preferred Deallocate Alignment Large in logical blocks.
    pub npdal: U32,
    /// LBAPSS: LBA Format Placement Shard Size in logical blocks; 0h is not reported.
    pub lbapss: U32,
    /// TLBAAG: Tracked LBA Allocation Granularity in logical blocks; 0h is not reported.
    pub tlbaag: U32,
    /// Reserved.
    pub reserved296: Reserved<3800>,
}

const _: () = assert!(size_of::<IdentifyNvmNamespace>() == 4096);

wire_bitfield! {
    /// PIC: Protection Information Capabilities (NVM 4.1.5.3).
    pub struct Pic: u8 {
        /// PISTS16B: 16b Guard Protection Information may have a storage tag.
        pub pists16b: bool,
        /// PISTM16B: 16b Guard Protection Information needs a storage tag mask of all ones.
        pub pistm16b: bool,
        /// STCRS: STCR in Copy.
        pub stcrs: bool,
        /// QPIFS: Qualified Protection Information Format.
        pub qpifs: bool,
        #[bits(4)]
        __: u8,
    }
}

wire_bitfield! {
    /// Extended LBA Format (NVM 4.1.5.3).
    pub struct ExtendedLbaFormat: u32 {
        /// STS: Storage Tag Size in bits.
        #[bits(7)]
        pub sts: u8,
        /// PIF: guard: 00b 16 bits, 01b 32 bits, 10b 64 bits, 11b as QPIF says.
        #[bits(2)]
        pub pif: u8,
        /// QPIF: Qualified Protection Information Format.
        #[bits(4)]
        pub qpif: u8,
        #[bits(19)]
        __: u32,
    }
}

/// NVM Command Set Identify Controller data structure, CNS 06h: 4096 bytes (NVM 4.1.5.4).
///
/// The size limits are 2^n pages of CAP.MPSMIN; 0h is no limit, and what it says about support
/// depends on ONCS.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct IdentifyNvmController {
    /// VSL: Verify Size Limit.
    pub vsl: u8,
    /// WZSL: Write Zeroes Size Limit.
    pub wzsl: u8,
    /// WUSL: Write Uncorrectable Size Limit.
    pub wusl: u8,
    /// DMRL: Dataset Management Ranges Limit.
    pub dmrl: u8,
    /// DMRSL: Dataset Management Range Size Limit in logical blocks.
    pub dmrsl: U32,
    /// DMSL: Dataset Management Size Limit in logical blocks.
    pub dmsl: U64,
    /// KPIOCAP: Key Per I/O Capabilities.
    pub kpiocap: u8,
    /// WZDSL: Write Zeroes With Deallocate Size Limit.
    pub wzdsl: u8,
    /// AOCS: Admin Optional Command Support; bit 0 is reporting of allocated LBAs.
    pub aocs: U16,
    /// VER: version of the NVM Command Set Specification, in the format of VS.
    pub ver: U32,
    /// LBAMQF: LBA Migration Queue Format.
    pub lbamqf: u8,
    /// Reserved.
    pub reserved25: Reserved<4071>,
}

const _: () = assert!(size_of::<IdentifyNvmController>() == 4096);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_namespace_structure_has_its_fields_at_the_offsets_of_the_figure() {
        let bytes: [u8; 4096] = std::array::from_fn(|index| index as u8);
        let page = IdentifyNvmNamespace::read_from_bytes(&bytes).expect("4096 bytes");
        assert_eq!(page.lbstm.get(), 0x0706_0504_0302_0100);
        assert_eq!((u8::from(page.pic), page.pifa), (8, 9));
        assert_eq!(page.elbaf[0].get(), 0x0F0E_0D0C);
        assert_eq!(page.elbaf[63].get() as u8, 264u16 as u8);
        assert_eq!(page.npdgl.get() as u8, 268u16 as u8);
        assert_eq!(
            (page.nprg_z.get() as u8, page.npra_z.get() as u8),
            (272u16 as u8, 276u16 as u8)
        );
        assert_eq!((page.nors_z.get() as u8, page.npdal.get() as u8), (280u16 as u8, 284u16 as u8));
        assert_eq!(
            (page.lbapss.get() as u8, page.tlbaag.get() as u8),
            (288u16 as u8, 292u16 as u8)
        );
        assert_eq!(page.reserved296.0[0], 296u16 as u8);
    }

    #[test]
    fn the_controller_structure_has_its_fields_at_the_offsets_of_the_figure() {
        let bytes: [u8; 4096] = std::array::from_fn(|index| index as u8);
        let page = IdentifyNvmController::read_from_bytes(&bytes).expect("4096 bytes");
        assert_eq!((page.vsl, page.wzsl, page.wusl, page.dmrl), (0, 1, 2, 3));
        assert_eq!(page.dmrsl.get(), 0x0706_0504);
        assert_eq!(page.dmsl.get(), 0x0F0E_0D0C_0B0A_0908);
        assert_eq!((page.kpiocap, page.wzdsl, page.aocs.get()), (16, 17, 0x1312));
        assert_eq!((page.ver.get(), page.lbamqf), (0x1716_1514, 24));
    }

    #[test]
    fn an_extended_format_is_tag_size_and_guard() {
        let format = ExtendedLbaFormat::from(0x0A90);
        assert_eq!((format.sts(), format.pif(), format.qpif()), (0x10, 0b01, 0b0101));
    }
}
