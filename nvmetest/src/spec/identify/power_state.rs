//! Power State Descriptor (Base 5.1.13.2.1, figure "Power State Descriptor Data Structure").

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;
use zerocopy::little_endian::U16;
use zerocopy::little_endian::U32;

use crate::spec::reserved::Reserved;

/// What the controller needs and does in one power state, 32 bytes (Base 5.1.13.2.1, Base 8.1.17).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct PowerStateDescriptor {
    /// MP: maximum power, in units of MXPS.
    pub mp: U16,
    /// Reserved.
    pub reserved2: Reserved<1>,
    /// MXPS and NOPS.
    pub flags: PowerStateFlags,
    /// ENLAT: entry latency in microseconds.
    pub enlat: U32,
    /// EXLAT: exit latency in microseconds.
    pub exlat: U32,
    /// RRT: relative read throughput in bits 4:0; less is better.
    pub rrt: u8,
    /// RRL: relative read latency in bits 4:0; less is better.
    pub rrl: u8,
    /// RWT: relative write throughput in bits 4:0; less is better.
    pub rwt: u8,
    /// RWL: relative write latency in bits 4:0; less is better.
    pub rwl: u8,
    /// IDLP: idle power, in units of IPS.
    pub idlp: U16,
    /// IPS.
    pub ips: IdlePowerScale,
    /// Reserved.
    pub reserved19: Reserved<1>,
    /// ACTP: active power, in units of APS, for the workload APW.
    pub actp: U16,
    /// APW and APS.
    pub apw_aps: ActivePower,
    /// EPFRT: emergency power fail recovery time, in units of EPFRTS; 1 to 99.
    pub epfrt: u8,
    /// FQVT: forced quiescence vault time, in units of FQVTS; 1 to 99.
    pub fqvt: u8,
    /// EPFVT: emergency power fail vault time, in units of EPFVTS; 1 to 99.
    pub epfvt: u8,
    /// EPFRTS, FQVTS and EPFVTS.
    pub time_scales: PowerFailTimeScales,
    /// Reserved.
    pub reserved28: Reserved<4>,
}

const _: () = assert!(size_of::<PowerStateDescriptor>() == 32);

wire_bitfield! {
    /// Byte 3 of a Power State Descriptor (Base 5.1.13.2.1).
    pub struct PowerStateFlags: u8 {
        /// MXPS: MP is in units of 0.0001 W, and otherwise of 0.01 W.
        pub mxps: bool,
        /// NOPS: the controller processes no I/O commands in this state.
        pub nops: bool,
        #[bits(6)]
        __: u8,
    }
}

wire_bitfield! {
    /// Byte 18 of a Power State Descriptor (Base 5.1.13.2.1).
    pub struct IdlePowerScale: u8 {
        #[bits(6)]
        __: u8,
        /// IPS: 00b not reported, 01b 0.0001 W, 10b 0.01 W.
        #[bits(2)]
        pub ips: u8,
    }
}

wire_bitfield! {
    /// Byte 22 of a Power State Descriptor (Base 5.1.13.2.1).
    pub struct ActivePower: u8 {
        /// APW: the workload of ACTP; 0h is none.
        #[bits(3)]
        pub apw: u8,
        #[bits(3)]
        __: u8,
        /// APS: 00b not reported, 01b 0.0001 W, 10b 0.01 W.
        #[bits(2)]
        pub aps: u8,
    }
}

wire_bitfield! {
    /// Bytes 27:26 of a Power State Descriptor (Base 5.1.13.2.1).
    pub struct PowerFailTimeScales: u16 {
        /// EPFRTS: scale of EPFRT.
        #[bits(4)]
        pub epfrts: u8,
        /// FQVTS: scale of FQVT.
        #[bits(4)]
        pub fqvts: u8,
        /// EPFVTS: scale of EPFVT.
        #[bits(4)]
        pub epfvts: u8,
        #[bits(4)]
        __: u8,
    }
}

impl PowerStateDescriptor {
    /// MP in units of 0.0001 W.
    pub const fn max_power_100uw(&self) -> u32 {
        let units = if self.flags.mxps() { 1 } else { 100 };
        self.mp.get() as u32 * units
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_in_the_bits_of_the_figure() {
        let mut bytes = [0u8; 32];
        bytes[0..2].copy_from_slice(&900u16.to_le_bytes());
        bytes[3] = 0b10;
        bytes[4] = 5;
        bytes[8] = 8;
        bytes[12..16].copy_from_slice(&[1, 2, 3, 4]);
        bytes[16] = 0x16;
        bytes[18] = 0x40;
        bytes[20] = 0x20;
        bytes[22] = 0b1000_0001;
        bytes[23..26].copy_from_slice(&[23, 24, 25]);
        bytes[26] = 0x21;
        bytes[27] = 0x03;
        let state = PowerStateDescriptor::read_from_bytes(&bytes).expect("32 bytes");
        assert_eq!(state.max_power_100uw(), 90_000);
        assert!(state.flags.nops() && !state.flags.mxps());
        assert_eq!((state.enlat.get(), state.exlat.get()), (5, 8));
        assert_eq!((state.rrt, state.rrl, state.rwt, state.rwl), (1, 2, 3, 4));
        assert_eq!((state.idlp.get(), state.ips.ips()), (0x16, 0b01));
        assert_eq!((state.actp.get(), state.apw_aps.apw(), state.apw_aps.aps()), (0x20, 1, 0b10));
        assert_eq!((state.epfrt, state.fqvt, state.epfvt), (23, 24, 25));
        let scales = state.time_scales;
        assert_eq!((scales.epfrts(), scales.fqvts(), scales.epfvts()), (1, 2, 3));
    }
}
