//! Identify (Base 5.1.13.1).

use bitfield_struct::bitfield;

use crate::spec::identify::Cns;
use crate::spec::identify::Csi;

/// Command Dword 10 of Identify (Base 5.1.13.1).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct IdentifyCdw10 {
    /// CNS: Controller or Namespace Structure.
    #[bits(8)]
    pub cns: Cns,
    __: u8,
    /// CNTID: Controller Identifier.
    pub cntid: u16,
}

/// Command Dword 11 of Identify (Base 5.1.13.1).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct IdentifyCdw11 {
    /// CNSSID: CNS Specific Identifier.
    pub cnssid: u16,
    __: u8,
    /// CSI: Command Set Identifier.
    #[bits(8)]
    pub csi: Csi,
}

/// Command Dword 14 of Identify (Base 5.1.13.1).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct IdentifyCdw14 {
    /// UIDX: UUID Index.
    #[bits(7)]
    pub uidx: u8,
    #[bits(25)]
    __: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_in_the_bits_of_the_figures() {
        let cdw10 = IdentifyCdw10::new().with_cns(Cns::COMMAND_SETS).with_cntid(0xFFFF);
        assert_eq!(u32::from(cdw10), 0xFFFF_001C);
        let cdw11 = IdentifyCdw11::new().with_csi(Csi::ZONED_NAMESPACE).with_cnssid(0x1234);
        assert_eq!(u32::from(cdw11), 0x0200_1234);
        assert_eq!(IdentifyCdw14::from(0xFF).uidx(), 0x7F);
    }
}
