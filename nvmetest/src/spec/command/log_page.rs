//! Get Log Page (Base 5.1.12).

use bitfield_struct::bitfield;

use crate::spec::identify::Csi;
use crate::spec::log::Lid;

/// Command Dword 10 of Get Log Page (Base 5.1.12).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct GetLogPageCdw10 {
    /// LID: Log Page Identifier.
    #[bits(8)]
    pub lid: Lid,
    /// LSP: Log Specific Parameter.
    #[bits(7)]
    pub lsp: u8,
    /// RAE: Retain Asynchronous Event.
    pub rae: bool,
    /// NUMDL: Number of Dwords Lower; with NUMDU a zero-based number.
    pub numdl: u16,
}

/// Command Dword 11 of Get Log Page (Base 5.1.12).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct GetLogPageCdw11 {
    /// NUMDU: Number of Dwords Upper.
    pub numdu: u16,
    /// LSI: Log Specific Identifier.
    pub lsi: u16,
}

/// Command Dword 14 of Get Log Page (Base 5.1.12).
///
/// Command Dwords 12 and 13 are the lower and the upper half of the Log Page Offset.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct GetLogPageCdw14 {
    /// UIDX: UUID Index.
    #[bits(7)]
    pub uidx: u8,
    #[bits(16)]
    __: u16,
    /// OT: Offset Type: the offset is an index and not a number of bytes.
    pub ot: bool,
    /// CSI: Command Set Identifier.
    #[bits(8)]
    pub csi: Csi,
}

/// The dwords that a Get Log Page with these NUMDL and NUMDU asks for.
pub const fn number_of_dwords(cdw10: GetLogPageCdw10, cdw11: GetLogPageCdw11) -> u64 {
    ((cdw11.numdu() as u64) << 16 | cdw10.numdl() as u64) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_in_the_bits_of_the_figures() {
        let cdw10 = GetLogPageCdw10::new().with_lid(Lid::SMART).with_rae(true).with_numdl(127);
        assert_eq!(u32::from(cdw10), 0x007F_8002);
        assert_eq!(GetLogPageCdw10::from(0x7F00).lsp(), 0x7F);
        assert_eq!(u32::from(GetLogPageCdw11::new().with_numdu(1).with_lsi(2)), 0x0002_0001);
        let cdw14 =
            GetLogPageCdw14::new().with_uidx(1).with_ot(true).with_csi(Csi::ZONED_NAMESPACE);
        assert_eq!(u32::from(cdw14), 0x0280_0001);
    }

    #[test]
    fn the_number_of_dwords_is_zero_based_and_in_two_halves() {
        let number = |low, high| number_of_dwords(GetLogPageCdw10::new().with_numdl(low), high);
        assert_eq!(number(127, GetLogPageCdw11::new()), 128);
        assert_eq!(number(0xFFFF, GetLogPageCdw11::new().with_numdu(0xFFFF)), 1 << 32);
    }
}
