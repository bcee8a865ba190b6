//! PMRCAP to PMRMSCU: the Persistent Memory Region (Base 3.1.4.22 to 28; Base 8.2.4).

use bitfield_struct::bitfield;

/// PMRCAP: Persistent Memory Region Capabilities (Base 3.1.4.22).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Pmrcap {
    #[bits(3)]
    __: u8,
    /// RDS: data of reads may be in the region.
    pub rds: bool,
    /// WDS: data of writes may be in the region.
    pub wds: bool,
    /// BIR: the BAR that has the region; 2h to 5h.
    #[bits(3)]
    pub bir: u8,
    /// PMRTU: unit of PMRTO: 00b is 500 ms, 01b is minutes.
    #[bits(2)]
    pub pmrtu: u8,
    /// PMRWBM: bit 0: a read of the region flushes earlier writes; bit 1: a read of PMRSTS does.
    #[bits(4)]
    pub pmrwbm: u8,
    #[bits(2)]
    __: u8,
    /// PMRTO: longest wait for PMRSTS.NRDY to follow PMRCTL.EN.
    pub pmrto: u8,
    /// CMSS: controller memory space is supported, PMRMSCL and PMRMSCU are in use.
    pub cmss: bool,
    #[bits(7)]
    __: u8,
}

/// PMRCTL: Persistent Memory Region Control (Base 3.1.4.23).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Pmrctl {
    /// EN: the region answers to reads and writes.
    pub en: bool,
    #[bits(31)]
    __: u32,
}

/// PMRSTS: Persistent Memory Region Status (Base 3.1.4.24).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Pmrsts {
    /// ERR: 0h is no error; what else it says is vendor specific.
    pub err: u8,
    /// NRDY: the region is not ready.
    pub nrdy: bool,
    /// HSTS: health: 000b normal, 001b restore error, 010b read only, 011b unreliable.
    #[bits(3)]
    pub hsts: u8,
    /// CBAI: the controller base address could not be enabled.
    pub cbai: bool,
    #[bits(19)]
    __: u32,
}

/// PMREBS: Persistent Memory Region Elasticity Buffer Size (Base 3.1.4.25).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Pmrebs {
    /// PMRSZU: unit of PMRWBZ: 0h bytes, 1h KiB, 2h MiB, 3h GiB.
    #[bits(4)]
    pub pmrszu: u8,
    /// PMRRBB: a read of the region does not wait for writes that the elasticity buffer holds.
    pub pmrrbb: bool,
    #[bits(3)]
    __: u8,
    /// PMRWBZ: size of the elasticity buffer; 0h says nothing.
    #[bits(24)]
    pub pmrwbz: u32,
}

/// PMRSWTP: Persistent Memory Region Sustained Write Throughput (Base 3.1.4.26).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Pmrswtp {
    /// PMRSWTU: unit of PMRSWTV: 0h bytes, 1h KiB, 2h MiB, 3h GiB a second.
    #[bits(4)]
    pub pmrswtu: u8,
    #[bits(4)]
    __: u8,
    /// PMRSWTV: throughput; 0h says nothing.
    #[bits(24)]
    pub pmrswtv: u32,
}

/// PMRMSCL: the lower dword of the Memory Space Control (Base 3.1.4.27).
///
/// PMRMSCU (Base 3.1.4.28) is a plain dword: bits 63:32 of the controller base address.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Pmrmscl {
    __: bool,
    /// CMSE: addresses from the controller base address on are in the region.
    pub cmse: bool,
    #[bits(10)]
    __: u16,
    /// CBA: bits 31:12 of the controller base address.
    #[bits(20)]
    pub cba: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capabilities_are_in_the_bits_of_the_figure() {
        let bits = |value: u32, shift: u32| Pmrcap::from(value << shift);
        assert!(bits(1, 3).rds() && bits(1, 4).wds());
        assert_eq!(bits(0b101, 5).bir(), 5);
        assert_eq!(bits(0b01, 8).pmrtu(), 1);
        assert_eq!(bits(0b11, 10).pmrwbm(), 3);
        assert_eq!(bits(0xA5, 16).pmrto(), 0xA5);
        assert!(bits(1, 24).cmss());
    }

    #[test]
    fn control_and_status_are_in_the_bits_of_the_figures() {
        assert!(Pmrctl::from(1).en());
        let status = Pmrsts::from(0x17A5);
        assert_eq!(
            (status.err(), status.nrdy(), status.hsts(), status.cbai()),
            (0xA5, true, 3, true)
        );
        assert_eq!(Pmrebs::from(0x1213).pmrwbz(), 0x12);
        assert_eq!(Pmrswtp::from(0x1203).pmrswtv(), 0x12);
        assert_eq!(u32::from(Pmrmscl::new().with_cmse(true).with_cba(0x12345)), 0x1234_5002);
    }
}
