//! Abort (Base 5.1.1).

use bitfield_struct::bitfield;

/// Command Dword 10 of Abort (Base 5.1.1).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct AbortCdw10 {
    /// SQID: Submission Queue Identifier of the command to abort.
    pub sqid: u16,
    /// CID: Command Identifier of the command to abort.
    pub cid: u16,
}

/// Dword 0 of the completion of Abort (Base 5.1.1.3).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct AbortDw0 {
    /// IANP: Immediate Abort Not Performed.
    pub ianp: bool,
    #[bits(31)]
    __: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_in_the_bits_of_the_figures() {
        assert_eq!(u32::from(AbortCdw10::new().with_sqid(1).with_cid(0xBEEF)), 0xBEEF_0001);
        assert!(AbortDw0::from(1).ianp() && !AbortDw0::from(2).ianp());
    }
}
