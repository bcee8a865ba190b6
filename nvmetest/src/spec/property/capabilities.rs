//! CAP and VS: what the controller can do (Base 3.1.4.1, Base 3.1.4.2).

use std::fmt;
use std::time::Duration;

use bitfield_struct::bitfield;

/// CAP: Controller Capabilities (Base 3.1.4.1).
#[bitfield(u64)]
#[derive(PartialEq, Eq)]
pub struct Cap {
    /// MQES: largest I/O queue size, zero-based; 1h is the smallest legal value.
    pub mqes_z: u16,
    /// CQR: I/O queues have to be physically contiguous.
    pub cqr: bool,
    /// AMS: bit 0 is weighted round robin with urgent, bit 1 is vendor specific.
    #[bits(2)]
    pub ams: u8,
    #[bits(5)]
    __: u8,
    /// TO: longest wait for CSTS.RDY to follow CC.EN, in units of 500 ms.
    pub to: u8,
    /// DSTRD: doorbells are 2^(2 + DSTRD) bytes apart.
    #[bits(4)]
    pub dstrd: u8,
    /// NSSRS: the NVM Subsystem Reset feature and NSSR are supported.
    pub nssrs: bool,
    /// CSS: which I/O command sets CC.CSS may select.
    #[bits(8)]
    pub css: CommandSets,
    /// BPS: boot partitions are supported.
    pub bps: bool,
    /// CPS: scope of the power source: 01b controller, 10b domain, 11b NVM subsystem.
    #[bits(2)]
    pub cps: u8,
    /// MPSMIN: smallest memory page is 2^(12 + MPSMIN) bytes.
    #[bits(4)]
    pub mpsmin: u8,
    /// MPSMAX: largest memory page is 2^(12 + MPSMAX) bytes.
    #[bits(4)]
    pub mpsmax: u8,
    /// PMRS: a Persistent Memory Region is supported.
    pub pmrs: bool,
    /// CMBS: a Controller Memory Buffer is supported, CMBLOC and CMBSZ are enabled by CMBMSC.
    pub cmbs: bool,
    /// NSSS: the NVM Subsystem Shutdown feature and NSSD are supported.
    pub nsss: bool,
    /// CRMS: which controller ready modes are supported.
    #[bits(2)]
    pub crms: ControllerReadyModes,
    /// NSSES: NVM Subsystem Shutdown enhancements are supported.
    pub nsses: bool,
    #[bits(2)]
    __: u8,
}

impl Cap {
    /// Most entries of an I/O queue: MQES as a count, 2 to 65,536 on a controller that conforms.
    pub const fn max_queue_entries(self) -> u32 {
        self.mqes_z() as u32 + 1
    }

    /// TO as a duration.
    pub const fn timeout(self) -> Duration {
        Duration::from_millis(self.to() as u64 * 500)
    }

    /// MPSMIN in bytes.
    pub const fn min_page_size(self) -> u64 {
        4096 << self.mpsmin()
    }

    /// MPSMAX in bytes.
    pub const fn max_page_size(self) -> u64 {
        4096 << self.mpsmax()
    }
}

/// CAP.CSS: supported I/O command sets (Base 3.1.4.1).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub struct CommandSets {
    /// NCSS: the NVM Command Set.
    pub ncss: bool,
    #[bits(5)]
    __: u8,
    /// IOCSS: one or more I/O command sets, chosen by Identify and the I/O Command Set Profile.
    pub iocss: bool,
    /// NOIOCSS: no I/O command set, only the Admin Command Set.
    pub noiocss: bool,
}

/// CAP.CRMS: supported controller ready modes (Base 3.1.4.1).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub struct ControllerReadyModes {
    /// CRWMS: Controller Ready With Media; a controller of Base 2.0 or later sets it.
    pub crwms: bool,
    /// CRIMS: Controller Ready Independent of Media.
    pub crims: bool,
    #[bits(6)]
    __: u8,
}

/// VS: the revision of the Base Specification that the controller conforms to (Base 3.1.4.2).
///
/// Identify Controller has the same value as VER.
#[bitfield(u32)]
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Vs {
    /// TER: tertiary version number.
    pub ter: u8,
    /// MNR: minor version number.
    pub mnr: u8,
    /// MJR: major version number.
    pub mjr: u16,
}

impl Vs {
    /// Revision 1.4 of the Base Specification.
    pub const V1_4: Self = Self::new().with_mjr(1).with_mnr(4);
    /// Revision 2.0 of the Base Specification.
    pub const V2_0: Self = Self::new().with_mjr(2);
    /// Revision 2.1 of the Base Specification.
    pub const V2_1: Self = Self::new().with_mjr(2).with_mnr(1);
}

impl fmt::Display for Vs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.mjr(), self.mnr(), self.ter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_cap_are_in_the_bits_of_the_figure() {
        let bits = |value: u64, shift: u32| Cap::from(value << shift);
        assert_eq!(bits(0xFFFF, 0).mqes_z(), 0xFFFF);
        assert!(bits(1, 16).cqr());
        assert_eq!(bits(0b11, 17).ams(), 0b11);
        assert_eq!(bits(0xA5, 24).to(), 0xA5);
        assert_eq!(bits(0xF, 32).dstrd(), 0xF);
        assert!(bits(1, 36).nssrs());
        assert!(bits(1, 37).css().ncss());
        assert!(bits(1, 43).css().iocss());
        assert!(bits(1, 44).css().noiocss());
        assert!(bits(1, 45).bps());
        assert_eq!(bits(0b10, 46).cps(), 0b10);
        assert_eq!(bits(0x9, 48).mpsmin(), 0x9);
        assert_eq!(bits(0x6, 52).mpsmax(), 0x6);
        assert!(bits(1, 56).pmrs());
        assert!(bits(1, 57).cmbs());
        assert!(bits(1, 58).nsss());
        assert!(bits(1, 59).crms().crwms());
        assert!(bits(1, 60).crms().crims());
        assert!(bits(1, 61).nsses());
    }

    #[test]
    fn every_bit_of_an_absurd_cap_survives_and_nothing_overflows() {
        let cap = Cap::from(u64::MAX);
        assert_eq!(u64::from(cap), u64::MAX);
        assert_eq!(cap.max_queue_entries(), 65_536);
        assert_eq!(cap.timeout(), Duration::from_millis(127_500));
        assert_eq!(cap.max_page_size(), 128 << 20);
        assert_eq!(cap.min_page_size(), 128 << 20);
    }

    #[test]
    fn versions_compare_by_age() {
        assert_eq!(u32::from(Vs::V2_1), 0x0002_0100);
        assert_eq!(Vs::from(0x0001_0400), Vs::V1_4);
        assert!(Vs::V1_4 < Vs::V2_0 && Vs::V2_0 < Vs::V2_1);
        assert_eq!(Vs::from(0x0001_0201).to_string(), "1.2.1");
    }
}
