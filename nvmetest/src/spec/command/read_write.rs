//! Read, Write, Compare and Verify (NVM 3.3.4, NVM 3.3.6, NVM 3.3.1, NVM 3.3.5).
//!
//! Command Dwords 10 and 11 are the Starting LBA, lower half first.

use bitfield_struct::bitfield;

use super::protection::Prinfo;

/// Command Dword 12 of Read, Write, Compare and Verify (NVM 3.3.4, NVM 3.3.6).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct ReadWriteCdw12 {
    /// NLB: Number of Logical Blocks, zero-based.
    pub nlb_z: u16,
    /// CETYPE: Command Extension Type.
    #[bits(4)]
    pub cetype: u8,
    /// DTYPE: Directive Type; Write only.
    #[bits(4)]
    pub dtype: u8,
    /// STC: Storage Tag Check.
    pub stc: bool,
    __: bool,
    /// PRINFO: Protection Information.
    #[bits(4)]
    pub prinfo: Prinfo,
    /// FUA: Force Unit Access.
    pub fua: bool,
    /// LR: Limited Retry.
    pub lr: bool,
}

/// Command Dword 13 of Read and Write when CETYPE is 0h (NVM 3.3.4, NVM 3.3.6).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct ReadWriteCdw13 {
    /// DSM AF: Access Frequency.
    #[bits(4)]
    pub access_frequency: u8,
    /// DSM AL: Access Latency: 00b none, 01b idle, 10b normal, 11b low.
    #[bits(2)]
    pub access_latency: u8,
    /// DSM SEQREQ: Sequential Request.
    pub seqreq: bool,
    /// DSM INCPRS: Incompressible.
    pub incprs: bool,
    __: u8,
    /// DSPEC: Directive Specific; Write only.
    pub dspec: u16,
}

/// Command Dword 15 of Read, Write, Compare and Verify (NVM 3.3.4, NVM 3.3.6).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct ReadWriteCdw15 {
    /// LBAT, ELBAT: Logical Block Application Tag.
    pub lbat: u16,
    /// LBATM, ELBATM: Logical Block Application Tag Mask.
    pub lbatm: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_in_the_bits_of_the_figures() {
        let bits = |bit: u32| ReadWriteCdw12::from(1 << bit);
        assert_eq!(ReadWriteCdw12::from(0xFFFF).nlb_z(), 0xFFFF);
        assert_eq!((bits(16).cetype(), bits(23).dtype()), (1, 8));
        assert!(bits(24).stc() && bits(29).prinfo().pract() && bits(28).prinfo().check_guard());
        assert!(bits(30).fua() && bits(31).lr());
        let cdw13 = ReadWriteCdw13::from(0x0007_00F5);
        assert_eq!((cdw13.access_frequency(), cdw13.access_latency()), (5, 3));
        assert!(cdw13.seqreq() && cdw13.incprs());
        assert_eq!(cdw13.dspec(), 7);
        assert_eq!(ReadWriteCdw15::from(0x0002_0001).lbatm(), 2);
    }

    #[test]
    fn the_protection_bits_take_only_their_four_bits() {
        let cdw12 = ReadWriteCdw12::new().with_prinfo(Prinfo::from(0b1111));
        assert_eq!(u32::from(cdw12), 0xF << 26);
    }
}
