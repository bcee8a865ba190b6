//! Get Features and Set Features (Base 5.1.11, Base 5.1.25).

use bitfield_struct::bitfield;

use crate::spec::feature::Fid;
use crate::spec::feature::Select;

/// Command Dword 10 of Get Features (Base 5.1.11).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct GetFeaturesCdw10 {
    /// FID: Feature Identifier.
    #[bits(8)]
    pub fid: Fid,
    /// SEL: Select.
    #[bits(3)]
    pub sel: Select,
    #[bits(21)]
    __: u32,
}

/// Command Dword 10 of Set Features (Base 5.1.25).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct SetFeaturesCdw10 {
    /// FID: Feature Identifier.
    #[bits(8)]
    pub fid: Fid,
    #[bits(23)]
    __: u32,
    /// SV: Save.
    pub sv: bool,
}

/// Command Dword 14 of Get Features and Set Features (Base 5.1.11, Base 5.1.25).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct FeaturesCdw14 {
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
        let get = GetFeaturesCdw10::new().with_fid(Fid::TIMESTAMP).with_sel(Select::SAVED);
        assert_eq!(u32::from(get), 0x0000_020E);
        let set = SetFeaturesCdw10::new().with_fid(Fid::NUMBER_OF_QUEUES).with_sv(true);
        assert_eq!(u32::from(set), 0x8000_0007);
        assert_eq!(FeaturesCdw14::from(0xFF).uidx(), 0x7F);
    }
}
