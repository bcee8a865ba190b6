//! Bitfields of Identify Namespace (NVM 4.1.5.1, Base 5.1.13.2.8).

wire_bitfield! {
    /// NSFEAT: Namespace Features (NVM 4.1.5.1).
    pub struct Nsfeat: u8 {
        /// THINP: thin provisioning, NCAP may be less than NSZE.
        pub thinp: bool,
        /// NSABP: NAWUN, NAWUPF and NACWU are valid and replace those of the controller.
        pub nsabp: bool,
        /// DAE: the Deallocated or Unwritten Logical Block error is supported.
        pub dae: bool,
        /// UIDREUSE: NGUID and EUI64 are never used for another namespace.
        pub uidreuse: bool,
        /// OPTPERF: which of the fields that optimize writes are valid: 00b none, 01b NPWG, NPWA,
        /// NPDG, NPDA and NOWS, 10b NPWG, NPWA, NPDA, NPDGL, NPDAL and NOWS, 11b all.
        #[bits(2)]
        pub optperf: u8,
        /// MAM: Multiple Atomicity Mode.
        pub mam: bool,
        /// OPTRPERF: NPRG, NPRA and NORS are valid.
        pub optrperf: bool,
    }
}

wire_bitfield! {
    /// FLBAS: Formatted LBA Size (NVM 4.1.5.1).
    pub struct Flbas: u8 {
        /// FIDXL: bits 3:0 of the index of the LBA format.
        #[bits(4)]
        pub fidxl: u8,
        /// MTELBA: metadata follows the data of each block, and is not in a buffer of its own.
        pub mtelba: bool,
        /// FIDXU: bits 5:4 of the index of the LBA format.
        #[bits(2)]
        pub fidxu: u8,
        __: bool,
    }
}

impl Flbas {
    /// The index of the LBA format, 0 to 63.
    pub const fn format_index(self) -> u8 {
        self.fidxu() << 4 | self.fidxl()
    }
}

wire_bitfield! {
    /// MC: Metadata Capabilities (NVM 4.1.5.1).
    pub struct Mc: u8 {
        /// MTELBAS: metadata as part of an extended logical block.
        pub mtelbas: bool,
        /// MTTBS: metadata in a buffer of its own.
        pub mttbs: bool,
        #[bits(6)]
        __: u8,
    }
}

wire_bitfield! {
    /// DPC: End-to-end Data Protection Capabilities (NVM 4.1.5.1).
    pub struct Dpc: u8 {
        /// PIT1S: protection information type 1.
        pub pit1s: bool,
        /// PIT2S: protection information type 2.
        pub pit2s: bool,
        /// PIT3S: protection information type 3.
        pub pit3s: bool,
        /// PIFB: protection information in the first bytes of metadata.
        pub pifb: bool,
        /// PILB: protection information in the last bytes of metadata.
        pub pilb: bool,
        #[bits(3)]
        __: u8,
    }
}

wire_bitfield! {
    /// DPS: End-to-end Data Protection Type Settings (NVM 4.1.5.1).
    pub struct Dps: u8 {
        /// PIT: protection information type; 000b is none.
        #[bits(3)]
        pub pit: u8,
        /// PIP: protection information is in the first bytes of metadata.
        pub pip: bool,
        #[bits(4)]
        __: u8,
    }
}

wire_bitfield! {
    /// NMIC: Namespace Multi-path I/O and Namespace Sharing Capabilities (Base 5.1.13.2.8).
    pub struct Nmic: u8 {
        /// SHRNS: the namespace may be attached to several controllers at a time.
        pub shrns: bool,
        /// DISNS: the namespace is a dispersed namespace.
        pub disns: bool,
        #[bits(6)]
        __: u8,
    }
}

wire_bitfield! {
    /// RESCAP: Reservation Capabilities (Base 5.1.13.2.8).
    pub struct Rescap: u8 {
        /// PTPLS: persist through power loss.
        pub ptpls: bool,
        /// WES: Write Exclusive.
        pub wes: bool,
        /// EAS: Exclusive Access.
        pub eas: bool,
        /// WEROS: Write Exclusive - Registrants Only.
        pub weros: bool,
        /// EAROS: Exclusive Access - Registrants Only.
        pub earos: bool,
        /// WEARS: Write Exclusive - All Registrants.
        pub wears: bool,
        /// EAARS: Exclusive Access - All Registrants.
        pub eaars: bool,
        /// IEKR: Ignore Existing Key as of revision 1.3.
        pub iekr: bool,
    }
}

wire_bitfield! {
    /// FPI: Format Progress Indicator (Base 5.1.13.2.8).
    pub struct Fpi: u8 {
        /// RFNVM: percentage that remains to be formatted.
        #[bits(7)]
        pub rfnvm: u8,
        /// FPIS: RFNVM is supported.
        pub fpis: bool,
    }
}

wire_bitfield! {
    /// DLFEAT: Deallocate Logical Block Features (NVM 4.1.5.1).
    pub struct Dlfeat: u8 {
        /// DRB: what a deallocated block reads as: 000b not reported, 001b 00h, 010b FFh.
        #[bits(3)]
        pub drb: u8,
        /// WZDS: DEAC in Write Zeroes.
        pub wzds: bool,
        /// GDS: the guard of a deallocated block is the CRC of what it reads as.
        pub gds: bool,
        #[bits(3)]
        __: u8,
    }
}

wire_bitfield! {
    /// NSATTR: Namespace Attributes (Base 5.1.13.2.8).
    pub struct Nsattr: u8 {
        /// CWP: currently write protected.
        pub cwp: bool,
        #[bits(7)]
        __: u8,
    }
}

wire_bitfield! {
    /// KPIOS: Key Per I/O Status (Base 5.1.13.2.8).
    pub struct Kpios: u8 {
        /// KPIOENS: Key Per I/O is enabled in the namespace.
        pub kpioens: bool,
        /// KPIOSNS: Key Per I/O is supported in the namespace.
        pub kpiosns: bool,
        #[bits(6)]
        __: u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_index_has_its_upper_bits_after_the_metadata_bit() {
        let flbas = Flbas::from(0b0111_0010);
        assert_eq!((flbas.format_index(), flbas.mtelba()), (0b11_0010, true));
        assert_eq!(Flbas::from(0xFF).format_index(), 63);
    }

    #[test]
    fn the_attributes_are_in_the_bits_of_the_figure() {
        assert!(Nsfeat::from(1).thinp() && Nsfeat::from(2).nsabp() && Nsfeat::from(4).dae());
        assert!(
            Nsfeat::from(8).uidreuse() && Nsfeat::from(0x40).mam() && Nsfeat::from(0x80).optrperf()
        );
        assert_eq!(Nsfeat::from(0x20).optperf(), 0b10);
        assert_eq!((Dlfeat::from(0b01001).drb(), Dlfeat::from(0b01001).wzds()), (1, true));
        assert_eq!((Dps::from(0b1010).pit(), Dps::from(0b1010).pip()), (2, true));
        assert_eq!((Fpi::from(0x99).rfnvm(), Fpi::from(0x99).fpis()), (25, true));
        assert!(Dpc::from(1 << 4).pilb() && Rescap::from(1 << 7).iekr() && Mc::from(2).mttbs());
    }
}
