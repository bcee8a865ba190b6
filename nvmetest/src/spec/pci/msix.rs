//! MSI-X: the capability and the table in a BAR (PCIe 7.7.2, PCIe transport 3.5).

use bitfield_struct::bitfield;
use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;
use zerocopy::little_endian::U32;

/// Offset of Message Control in the capability, 16 bits (PCIe 7.7.2.2).
pub const CONTROL: u16 = 2;
/// Offset of Table Offset and Table BIR in the capability, 32 bits (PCIe 7.7.2.3).
pub const TABLE: u16 = 4;
/// Offset of PBA Offset and PBA BIR in the capability, 32 bits (PCIe 7.7.2.4).
pub const PBA: u16 = 8;

/// Message Control for MSI-X (PCIe 7.7.2.2).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct MsixControl {
    /// Table Size: entries of the table, zero-based.
    #[bits(11)]
    pub table_size_z: u16,
    #[bits(3)]
    __: u8,
    /// Function Mask: all vectors are masked, whatever their own bits say.
    pub function_mask: bool,
    /// MSI-X Enable.
    pub enable: bool,
}

/// Where the table or the Pending Bit Array is (PCIe 7.7.2.3, PCIe 7.7.2.4).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct MsixLocation {
    /// BIR: which BAR.
    #[bits(3)]
    pub bir: u8,
    /// Bits 31:3 of the offset in the BAR.
    #[bits(29)]
    pub offset_qwords: u32,
}

impl MsixLocation {
    /// The offset in the BAR in bytes, a multiple of 8.
    pub const fn offset(self) -> u32 {
        self.offset_qwords() << 3
    }
}

/// One entry of the MSI-X table, 16 bytes (PCIe 7.7.2.5 to PCIe 7.7.2.8).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct MsixTableEntry {
    /// Message Address: bits 31:0, a multiple of 4 (PCIe 7.7.2.5).
    pub address_low: U32,
    /// Message Upper Address: bits 63:32 (PCIe 7.7.2.6).
    pub address_high: U32,
    /// Message Data (PCIe 7.7.2.7).
    pub data: U32,
    /// Vector Control: see [`MsixVectorControl`] (PCIe 7.7.2.8).
    pub vector_control: U32,
}

const _: () = assert!(size_of::<MsixTableEntry>() == 16);

/// Vector Control (PCIe 7.7.2.8).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct MsixVectorControl {
    /// Mask Bit; set after reset.
    pub mask: bool,
    #[bits(31)]
    __: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_word_has_size_mask_and_enable() {
        let control = MsixControl::from(0xC040);
        assert_eq!(
            (control.table_size_z(), control.function_mask(), control.enable()),
            (64, true, true)
        );
        assert_eq!(u16::from(MsixControl::new().with_table_size_z(0x7FF)), 0x07FF);
    }

    #[test]
    fn the_location_is_a_bar_and_an_offset() {
        let location = MsixLocation::from(0x0000_2004);
        assert_eq!((location.bir(), location.offset()), (4, 0x2000));
    }

    #[test]
    fn an_entry_has_the_mask_in_its_last_dword() {
        let mut bytes = [0u8; 16];
        bytes[0] = 0x10;
        bytes[4] = 0x20;
        bytes[8] = 0x30;
        bytes[12] = 0x01;
        let entry = MsixTableEntry::read_from_bytes(&bytes).expect("16 bytes are one entry");
        assert_eq!(entry.address_low.get(), 0x10);
        assert_eq!(entry.address_high.get(), 0x20);
        assert_eq!(entry.data.get(), 0x30);
        assert!(MsixVectorControl::from(entry.vector_control.get()).mask());
    }
}
