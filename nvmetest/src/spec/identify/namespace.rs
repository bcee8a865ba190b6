//! Identify Namespace data structure of the NVM Command Set, CNS 00h (NVM 4.1.5.1).

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;
use zerocopy::little_endian::U16;
use zerocopy::little_endian::U32;
use zerocopy::little_endian::U64;
use zerocopy::little_endian::U128;

use super::namespace_attributes::*;
use crate::spec::reserved::Reserved;

/// Identify Namespace data structure, NVM Command Set: 4096 bytes (NVM 4.1.5.1).
///
/// All zeroes is what Identify returns for an inactive NSID (Base 3.2.1.3).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct IdentifyNamespace {
    /// NSZE: Namespace Size in logical blocks.
    pub nsze: U64,
    /// NCAP: Namespace Capacity in logical blocks.
    pub ncap: U64,
    /// NUSE: Namespace Utilization in logical blocks.
    pub nuse: U64,
    /// NSFEAT: Namespace Features.
    pub nsfeat: Nsfeat,
    /// NLBAF: Number of LBA Formats, zero-based, without those of NULBAF.
    pub nlbaf_z: u8,
    /// FLBAS: Formatted LBA Size.
    pub flbas: Flbas,
    /// MC: Metadata Capabilities.
    pub mc: Mc,
    /// DPC: End-to-end Data Protection Capabilities.
    pub dpc: Dpc,
    /// DPS: End-to-end Data Protection Type Settings.
    pub dps: Dps,
    /// NMIC: Namespace Multi-path I/O and Namespace Sharing Capabilities.
    pub nmic: Nmic,
    /// RESCAP: Reservation Capabilities.
    pub rescap: Rescap,
    /// FPI: Format Progress Indicator.
    pub fpi: Fpi,
    /// DLFEAT: Deallocate Logical Block Features.
    pub dlfeat: Dlfeat,
    /// NAWUN: Namespace Atomic Write Unit Normal in logical blocks, zero-based; 0h is AWUN.
    pub nawun_z: U16,
    /// NAWUPF: Namespace Atomic Write Unit Power Fail in logical blocks, zero-based; 0h is AWUPF.
    pub nawupf_z: U16,
    /// NACWU: Namespace Atomic Compare & Write Unit in logical blocks, zero-based; 0h is ACWU.
    pub nacwu_z: U16,
    /// NABSN: Namespace Atomic Boundary Size Normal in logical blocks, zero-based; 0h is none.
    pub nabsn_z: U16,
    /// NABO: Namespace Atomic Boundary Offset, the LBA of the first boundary.
    pub nabo: U16,
    /// NABSPF: Namespace Atomic Boundary Size Power Fail in logical blocks, zero-based; 0h is none.
    pub nabspf_z: U16,
    /// NOIOB: Namespace Optimal I/O Boundary in logical blocks; 0h is none.
    pub noiob: U16,
    /// NVMCAP: NVM Capacity in bytes.
    pub nvmcap: U128,
    /// NPWG: Namespace Preferred Write Granularity in logical blocks, zero-based.
    pub npwg_z: U16,
    /// NPWA: Namespace Preferred Write Alignment in logical blocks, zero-based.
    pub npwa_z: U16,
    /// NPDG: Namespace Preferred Deallocate Granularity in logical blocks, zero-based.
    pub npdg_z: U16,
    /// NPDA: Namespace Preferred Deallocate Alignment in logical blocks, zero-based.
    pub npda_z: U16,
    /// NOWS: Namespace Optimal Write Size in logical blocks, zero-based.
    pub nows_z: U16,
    /// MSSRL: Maximum Single Source Range Length of Copy in logical blocks.
    pub mssrl: U16,
    /// MCL: Maximum Copy Length in logical blocks.
    pub mcl: U32,
    /// MSRC: Maximum Source Range Count of Copy, zero-based.
    pub msrc_z: u8,
    /// KPIOS: Key Per I/O Status.
    pub kpios: Kpios,
    /// NULBAF: Number of Unique Attribute LBA Formats.
    pub nulbaf: u8,
    /// Reserved.
    pub reserved83: Reserved<1>,
    /// KPIODAAG: Key Per I/O Data Access Alignment and Granularity in logical blocks, zero-based.
    pub kpiodaag_z: U32,
    /// Reserved.
    pub reserved88: Reserved<4>,
    /// ANAGRPID: ANA Group Identifier.
    pub anagrpid: U32,
    /// Reserved.
    pub reserved96: Reserved<3>,
    /// NSATTR: Namespace Attributes.
    pub nsattr: Nsattr,
    /// NVMSETID: NVM Set Identifier.
    pub nvmsetid: U16,
    /// ENDGID: Endurance Group Identifier.
    pub endgid: U16,
    /// NGUID: Namespace Globally Unique Identifier, big-endian; zero is none.
    pub nguid: [u8; 16],
    /// EUI64: IEEE Extended Unique Identifier, big-endian; zero is none.
    pub eui64: [u8; 8],
    /// LBAF0 to LBAF63: the LBA formats.
    pub lbaf: [LbaFormat; 64],
    /// VS: Vendor Specific.
    pub vs: Reserved<3712>,
}

const _: () = assert!(size_of::<IdentifyNamespace>() == 4096);

wire_bitfield! {
    /// LBA Format (NVM 4.1.5.1).
    pub struct LbaFormat: u32 {
        /// MS: metadata bytes of each block.
        pub ms: u16,
        /// LBADS: a block has 2^LBADS bytes of data, at least 9; 0h: the format does not exist.
        pub lbads: u8,
        /// RP: relative performance: 00b best, 01b better, 10b good, 11b degraded.
        #[bits(2)]
        pub rp: u8,
        #[bits(6)]
        __: u8,
    }
}

impl LbaFormat {
    /// Data bytes of a block; `None` if LBADS is not one that a block can have.
    pub const fn data_size(self) -> Option<u32> {
        match self.lbads() {
            exponent @ 9..=31 => Some(1 << exponent),
            _ => None,
        }
    }
}

impl IdentifyNamespace {
    /// Whether this is all zeroes, which is what Identify returns for an inactive NSID.
    pub fn is_inactive(&self) -> bool {
        self.as_bytes().iter().all(|&byte| byte == 0)
    }

    /// The LBA formats that NLBAF and NULBAF say there are; never more than 64.
    pub fn formats(&self) -> &[LbaFormat] {
        let count = usize::from(self.nlbaf_z) + 1 + usize::from(self.nulbaf);
        &self.lbaf[..count.min(self.lbaf.len())]
    }

    /// The LBA format that the namespace is formatted with.
    pub const fn format(&self) -> LbaFormat {
        self.lbaf[self.flbas.format_index() as usize]
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    fn page(pattern: impl Fn(usize) -> u8) -> IdentifyNamespace {
        let bytes: [u8; 4096] = std::array::from_fn(pattern);
        IdentifyNamespace::read_from_bytes(&bytes).expect("4096 bytes are one structure")
    }

    fn byte(offset: usize, value: u8) -> IdentifyNamespace {
        page(|index| if index == offset { value } else { 0 })
    }

    #[test]
    fn single_bytes_are_at_the_offsets_of_the_figure() {
        assert!(byte(24, 1).nsfeat.thinp());
        assert_eq!(byte(25, 0x3F).nlbaf_z, 0x3F);
        assert_eq!(byte(26, 3).flbas.format_index(), 3);
        assert!(byte(27, 1).mc.mtelbas());
        assert!(byte(28, 1).dpc.pit1s());
        assert_eq!(byte(29, 1).dps.pit(), 1);
        assert!(byte(30, 1).nmic.shrns());
        assert!(byte(31, 1).rescap.ptpls());
        assert!(byte(32, 0x80).fpi.fpis());
        assert!(byte(33, 8).dlfeat.wzds());
        assert_eq!(byte(80, 7).msrc_z, 7);
        assert!(byte(81, 1).kpios.kpioens());
        assert_eq!(byte(82, 9).nulbaf, 9);
        assert!(byte(99, 1).nsattr.cwp());
        assert_eq!(byte(384, 1).vs.first_not_zero(), Some((0, 1)));
    }

    #[test]
    fn numbers_are_at_the_offsets_of_the_figure() {
        let page = page(|index| index as u8);
        let at = |offset: u8| u16::from_le_bytes([offset, offset + 1]);
        let at4 = |offset: u8| u32::from_le_bytes([offset, offset + 1, offset + 2, offset + 3]);
        assert_eq!(page.nsze.get(), 0x0706_0504_0302_0100);
        assert_eq!(page.ncap.get(), 0x0F0E_0D0C_0B0A_0908);
        assert_eq!(page.nuse.get(), 0x1716_1514_1312_1110);
        assert_eq!((page.nawun_z.get(), page.nawupf_z.get()), (at(34), at(36)));
        assert_eq!((page.nacwu_z.get(), page.nabsn_z.get()), (at(38), at(40)));
        assert_eq!(
            (page.nabo.get(), page.nabspf_z.get(), page.noiob.get()),
            (at(42), at(44), at(46))
        );
        assert_eq!(page.nvmcap.get() as u8, 48);
        assert_eq!((page.npwg_z.get(), page.npwa_z.get()), (at(64), at(66)));
        assert_eq!(
            (page.npdg_z.get(), page.npda_z.get(), page.nows_z.get()),
            (at(68), at(70), at(72))
        );
        assert_eq!((page.mssrl.get(), page.mcl.get()), (at(74), at4(76)));
        assert_eq!((page.kpiodaag_z.get(), page.anagrpid.get()), (at4(84), at4(92)));
        assert_eq!((page.nvmsetid.get(), page.endgid.get()), (at(100), at(102)));
        assert_eq!((page.nguid[0], page.eui64[0]), (104, 120));
        assert_eq!((page.lbaf[0].get(), page.lbaf[1].get()), (at4(128), at4(132)));
        assert_eq!(page.lbaf[63].get(), u32::from_le_bytes([124, 125, 126, 127]));
    }

    #[test]
    fn the_format_in_use_follows_from_flbas() {
        let mut namespace = IdentifyNamespace::new_zeroed();
        assert!(namespace.is_inactive());
        namespace.lbaf[35] = LbaFormat::from(0x010C_0008);
        namespace.flbas = Flbas::from(0b0100_0011);
        assert!(!namespace.is_inactive());
        let format = namespace.format();
        assert_eq!((format.ms(), format.data_size(), format.rp()), (8, Some(4096), 1));
    }

    #[test]
    fn absurd_formats_are_no_sizes_and_no_panic() {
        for lbads in [0, 8, 32, 0xFF] {
            assert_eq!(LbaFormat::new().with_lbads(lbads).data_size(), None);
        }
        let page = page(|_| 0xFF);
        assert_eq!(page.formats().len(), 64);
        assert_eq!(page.format().data_size(), None);
        assert_eq!(byte(25, 2).formats().len(), 3);
    }
}
