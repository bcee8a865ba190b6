//! Features whose value is in a data buffer (Base 5.1.25.1.7, Base 5.1.25.1.14, NVM 4.1.3.1).

use std::time::Duration;

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;
use zerocopy::little_endian::U64;

use crate::spec::reserved::Reserved;

/// Timestamp, feature 0Eh: 8 bytes (Base 5.1.25.1.7).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Timestamp {
    /// TSTMP: milliseconds since 1970, or since the last Controller Level Reset; see
    /// [`Timestamp::since`].
    pub tstmp: [u8; 6],
    /// Timestamp Attributes; reserved in Set Features.
    pub attributes: TimestampAttributes,
    /// Reserved.
    pub reserved7: Reserved<1>,
}

const _: () = assert!(size_of::<Timestamp>() == 8);

wire_bitfield! {
    /// Timestamp Attributes (Base 5.1.25.1.7).
    pub struct TimestampAttributes: u8 {
        /// SYNC: the controller may have stopped counting for a while.
        pub sync: bool,
        /// TO: Timestamp Origin: 000b the last Controller Level Reset, 001b Set Features.
        #[bits(3)]
        pub to: u8,
        #[bits(4)]
        __: u8,
    }
}

impl Timestamp {
    /// A value for Set Features; what the 48 bits of TSTMP cannot hold is cut off.
    pub fn new(since: Duration) -> Self {
        let millis = since.as_millis() as u64;
        let [tstmp @ .., _, _] = millis.to_le_bytes();
        Self { tstmp, attributes: TimestampAttributes::new(), reserved7: Reserved([0]) }
    }

    /// TSTMP as a duration.
    pub fn since(&self) -> Duration {
        let mut millis = [0; 8];
        millis[..6].copy_from_slice(&self.tstmp);
        Duration::from_millis(u64::from_le_bytes(millis))
    }
}

/// Host Behavior Support, feature 16h: 512 bytes (Base 5.1.25.1.14).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct HostBehaviorSupport {
    /// ACRE: Advanced Command Retry Enable; 1h: the host honours CRD.
    pub acre: u8,
    /// ETDAS: Extended Telemetry Data Area 4 Supported; 1h: by the host.
    pub etdas: u8,
    /// LBAFEE: LBA Format Extension Enable (NVM 4.1.3.6).
    pub lbafee: u8,
    /// HDISNS: Host Dispersed Namespace Support.
    pub hdisns: u8,
    /// CDFE: Copy Descriptor Formats Enable; bits 2 to 4 for the formats 2h to 4h.
    pub cdfe: CopyDescriptorFormatsEnable,
    /// Reserved.
    pub reserved6: Reserved<506>,
}

const _: () = assert!(size_of::<HostBehaviorSupport>() == 512);

wire_bitfield! {
    /// CDFE: Copy Descriptor Formats Enable (Base 5.1.25.1.14).
    pub struct CopyDescriptorFormatsEnable: u16 {
        #[bits(2)]
        __: u8,
        /// CDF2E: format 2h.
        pub cdf2e: bool,
        /// CDF3E: format 3h.
        pub cdf3e: bool,
        /// CDF4E: format 4h.
        pub cdf4e: bool,
        #[bits(11)]
        __: u16,
    }
}

/// One LBA range of LBA Range Type, feature 03h: 64 bytes (NVM 4.1.3.1).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct LbaRangeType {
    /// Type: 0h general purpose, 1h filesystem, 2h RAID, 3h cache, 4h page or swap file.
    pub kind: u8,
    /// Attributes.
    pub attributes: LbaRangeAttributes,
    /// Reserved.
    pub reserved2: Reserved<14>,
    /// SLBA: Starting LBA.
    pub slba: U64,
    /// NLB: Number of Logical Blocks, zero-based.
    pub nlb_z: U64,
    /// GUID: Unique Identifier of the range.
    pub guid: [u8; 16],
    /// Reserved.
    pub reserved48: Reserved<16>,
}

const _: () = assert!(size_of::<LbaRangeType>() == 64);

wire_bitfield! {
    /// Attributes of an LBA range (NVM 4.1.3.1).
    pub struct LbaRangeAttributes: u8 {
        /// The range may be overwritten.
        pub overwritable: bool,
        /// The range should be hidden from operating system, EFI and BIOS.
        pub hidden: bool,
        #[bits(6)]
        __: u8,
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    #[test]
    fn a_timestamp_is_48_bits_of_milliseconds() {
        let timestamp = Timestamp::new(Duration::from_millis(0x0605_0403_0201));
        assert_eq!(timestamp.as_bytes(), [1, 2, 3, 4, 5, 6, 0, 0]);
        assert_eq!(timestamp.since(), Duration::from_millis(0x0605_0403_0201));
        let read = Timestamp::read_from_bytes(&[0, 0, 0, 0, 0, 0, 0x03, 0]).expect("8 bytes");
        assert_eq!((read.attributes.sync(), read.attributes.to()), (true, 1));
    }

    #[test]
    fn host_behavior_has_a_byte_for_each_choice() {
        let mut behavior = HostBehaviorSupport::new_zeroed();
        behavior.as_mut_bytes()[..6].copy_from_slice(&[1, 2, 3, 4, 0x1C, 0]);
        assert_eq!((behavior.acre, behavior.etdas, behavior.lbafee, behavior.hdisns), (1, 2, 3, 4));
        assert!(behavior.cdfe.cdf2e() && behavior.cdfe.cdf3e() && behavior.cdfe.cdf4e());
    }

    #[test]
    fn an_lba_range_has_its_fields_at_the_offsets_of_the_figure() {
        let bytes: [u8; 64] = std::array::from_fn(|index| index as u8);
        let range = LbaRangeType::read_from_bytes(&bytes).expect("64 bytes are one range");
        assert_eq!((range.kind, u8::from(range.attributes)), (0, 1));
        assert_eq!(range.slba.get(), 0x1716_1514_1312_1110);
        assert_eq!(range.nlb_z.get(), 0x1F1E_1D1C_1B1A_1918);
        assert_eq!(range.guid[0], 32);
    }
}
