//! Protection information in NVM commands (NVM 3.3, NVM 5.3).

use bitfield_struct::bitfield;

/// PRINFO: Protection Information Field, four bits of Command Dword 12 (NVM 3.3).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub struct Prinfo {
    /// PRCHK bit 0: check the Logical Block Reference Tag.
    pub check_reference_tag: bool,
    /// PRCHK bit 1: check the Logical Block Application Tag.
    pub check_application_tag: bool,
    /// PRCHK bit 2: check the Guard.
    pub check_guard: bool,
    /// PRACT: the controller inserts or strips protection information.
    pub pract: bool,
    #[bits(4)]
    __: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_action_is_the_highest_of_four_bits() {
        assert_eq!(u8::from(Prinfo::new().with_pract(true)), 0b1000);
        assert!(Prinfo::from(0b0100).check_guard() && Prinfo::from(0b0001).check_reference_tag());
    }
}
