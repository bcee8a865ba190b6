//! Write Zeroes and Write Uncorrectable (NVM 3.3.8, NVM 3.3.7).
//!
//! Command Dwords 10 and 11 are the Starting LBA, lower half first.

use bitfield_struct::bitfield;

use super::protection::Prinfo;

/// Command Dword 12 of Write Zeroes (NVM 3.3.8).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct WriteZeroesCdw12 {
    /// NLB: Number of Logical Blocks, zero-based.
    pub nlb_z: u16,
    /// CETYPE: Command Extension Type.
    #[bits(4)]
    pub cetype: u8,
    /// DTYPE: Directive Type, of which this command has three bits.
    #[bits(3)]
    pub dtype: u8,
    /// NSZ: Namespace Zeroes: the whole namespace; NLB and the Starting LBA are ignored.
    pub nsz: bool,
    /// STC: Storage Tag Check.
    pub stc: bool,
    /// DEAC: Deallocate.
    pub deac: bool,
    /// PRINFO: Protection Information.
    #[bits(4)]
    pub prinfo: Prinfo,
    /// FUA: Force Unit Access.
    pub fua: bool,
    /// LR: Limited Retry.
    pub lr: bool,
}

/// Dword 0 of the completion of Write Zeroes (NVM 3.3.8.1).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct WriteZeroesDw0 {
    /// LBACZ: LBAs Cleared to Zero: of a command with NSZ, that all of the namespace was cleared.
    pub lbacz: bool,
    #[bits(31)]
    __: u32,
}

/// Command Dword 12 of Write Uncorrectable (NVM 3.3.7).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct WriteUncorrectableCdw12 {
    /// NLB: Number of Logical Blocks, zero-based.
    pub nlb_z: u16,
    #[bits(4)]
    __: u8,
    /// DTYPE: Directive Type.
    #[bits(4)]
    pub dtype: u8,
    __: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_in_the_bits_of_the_figures() {
        let bits = |bit: u32| WriteZeroesCdw12::from(1 << bit);
        assert_eq!(WriteZeroesCdw12::from(0b111 << 20).dtype(), 0b111);
        assert!(WriteZeroesDw0::from(1).lbacz());
        assert!(bits(23).nsz() && bits(24).stc() && bits(25).deac());
        assert!(bits(29).prinfo().pract() && bits(30).fua() && bits(31).lr());
        assert_eq!(WriteZeroesCdw12::from(0x0123_4567).nlb_z(), 0x4567);
        assert_eq!(WriteUncorrectableCdw12::from(0x0050_0007).nlb_z(), 7);
        assert_eq!(WriteUncorrectableCdw12::from(0x0050_0007).dtype(), 5);
    }
}
