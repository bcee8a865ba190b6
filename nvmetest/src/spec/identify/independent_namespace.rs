//! I/O Command Set Independent Identify Namespace data structure, CNS 08h (Base 5.1.13.2.8).

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;
use zerocopy::little_endian::U16;
use zerocopy::little_endian::U32;

use super::namespace_attributes::Fpi;
use super::namespace_attributes::Kpios;
use super::namespace_attributes::Nmic;
use super::namespace_attributes::Nsattr;
use super::namespace_attributes::Rescap;
use crate::spec::reserved::Reserved;

/// I/O Command Set Independent Identify Namespace data structure: 4096 bytes (Base 5.1.13.2.8).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct IdentifyIndependentNamespace {
    /// NSFEAT: Common Namespace Features.
    pub nsfeat: CommonNsfeat,
    /// NMIC: Namespace Multi-path I/O and Namespace Sharing Capabilities.
    pub nmic: Nmic,
    /// RESCAP: Reservation Capabilities.
    pub rescap: Rescap,
    /// FPI: Format Progress Indicator.
    pub fpi: Fpi,
    /// ANAGRPID: ANA Group Identifier.
    pub anagrpid: U32,
    /// NSATTR: Namespace Attributes.
    pub nsattr: Nsattr,
    /// Reserved.
    pub reserved9: Reserved<1>,
    /// NVMSETID: NVM Set Identifier.
    pub nvmsetid: U16,
    /// ENDGID: Endurance Group Identifier.
    pub endgid: U16,
    /// NSTAT: Namespace Status.
    pub nstat: Nstat,
    /// KPIOS: Key Per I/O Status.
    pub kpios: Kpios,
    /// MAXKT: Maximum Key Tag.
    pub maxkt: U16,
    /// Reserved.
    pub reserved18: Reserved<2>,
    /// RGRPID: Reachability Group Identifier.
    pub rgrpid: U32,
    /// Reserved.
    pub reserved24: Reserved<4072>,
}

const _: () = assert!(size_of::<IdentifyIndependentNamespace>() == 4096);

wire_bitfield! {
    /// NSFEAT: Common Namespace Features (Base 5.1.13.2.8).
    pub struct CommonNsfeat: u8 {
        #[bits(3)]
        __: u8,
        /// UIDREUSE: NGUID and EUI64 are never used for another namespace.
        pub uidreuse: bool,
        /// RMEDIA: the namespace is on rotational media.
        pub rmedia: bool,
        /// VWCNP: no volatile write cache is present for the namespace.
        pub vwcnp: bool,
        #[bits(2)]
        __: u8,
    }
}

wire_bitfield! {
    /// NSTAT: Namespace Status (Base 5.1.13.2.8).
    pub struct Nstat: u8 {
        /// NRDY: the namespace is ready.
        pub nrdy: bool,
        /// IOI: I/O impacted: whether the performance of I/O commands is degraded.
        #[bits(2)]
        pub ioi: u8,
        #[bits(5)]
        __: u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_at_the_offset_of_the_figure() {
        let bytes: [u8; 4096] = std::array::from_fn(|index| index as u8);
        let page = IdentifyIndependentNamespace::read_from_bytes(&bytes).expect("4096 bytes");
        assert_eq!(u8::from(page.nmic), 1);
        assert_eq!(u8::from(page.rescap), 2);
        assert_eq!(u8::from(page.fpi), 3);
        assert_eq!(page.anagrpid.get(), 0x0706_0504);
        assert_eq!(u8::from(page.nsattr), 8);
        assert_eq!((page.nvmsetid.get(), page.endgid.get()), (0x0B0A, 0x0D0C));
        assert_eq!((u8::from(page.nstat), u8::from(page.kpios)), (14, 15));
        assert_eq!((page.maxkt.get(), page.rgrpid.get()), (0x1110, 0x1716_1514));
        assert_eq!(page.reserved24.0[0], 24);
    }

    #[test]
    fn the_status_bits_are_those_of_the_figure() {
        assert!(Nstat::from(1).nrdy());
        assert!(CommonNsfeat::from(1 << 3).uidreuse() && CommonNsfeat::from(1 << 5).vwcnp());
    }
}
