//! BPINFO, BPRSEL and BPMBL: reading a boot partition (Base 3.1.4.13 to 15; Base 8.1.3).

use bitfield_struct::bitfield;

/// BPINFO: Boot Partition Information (Base 3.1.4.13).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Bpinfo {
    /// BPSZ: size of each boot partition, in units of 128 KiB.
    #[bits(15)]
    pub bpsz: u16,
    #[bits(9)]
    __: u16,
    /// BRS: read status: 00b none yet, 01b in progress, 10b completed, 11b failed.
    #[bits(2)]
    pub brs: u8,
    #[bits(5)]
    __: u8,
    /// ABPID: the active boot partition.
    pub abpid: bool,
}

/// BPRSEL: Boot Partition Read Select (Base 3.1.4.14).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Bprsel {
    /// BPRSZ: size of the read, in units of 4 KiB.
    #[bits(10)]
    pub bprsz: u16,
    /// BPROF: offset of the read, in units of 4 KiB.
    #[bits(20)]
    pub bprof: u32,
    __: bool,
    /// BPID: the boot partition to read.
    pub bpid: bool,
}

/// BPMBL: Boot Partition Memory Buffer Location (Base 3.1.4.15).
#[bitfield(u64)]
#[derive(PartialEq, Eq)]
pub struct Bpmbl {
    #[bits(12)]
    __: u16,
    /// BMBBA: bits 63:12 of the address of the buffer.
    #[bits(52)]
    pub bmbba: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_in_the_bits_of_the_figures() {
        let info = Bpinfo::from(0x8200_0008);
        assert_eq!((info.bpsz(), info.brs(), info.abpid()), (8, 0b10, true));
        let select = Bprsel::new().with_bprsz(0x3FF).with_bprof(1).with_bpid(true);
        assert_eq!(u32::from(select), 0x8000_07FF);
        assert_eq!(u64::from(Bpmbl::new().with_bmbba(0x12345)), 0x1234_5000);
    }
}
