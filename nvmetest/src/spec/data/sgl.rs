//! Scatter Gather Lists (Base 4.3.2).

use std::fmt;

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;
use zerocopy::little_endian::U32;
use zerocopy::little_endian::U64;

/// One SGL descriptor, 16 bytes (Base 4.3.2.1).
///
/// The layout is that of the four descriptors of the PCIe transport; a keyed data block of a fabric
/// has the same identifier byte and other bytes before it.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SglDescriptor {
    /// Address of the data block or of the next segment; reserved in a bit bucket.
    pub address: U64,
    /// Length in bytes of the data block, of what is discarded, or of the next segment.
    pub length: U32,
    /// Reserved.
    pub reserved: [u8; 3],
    /// SGL Identifier: the type in bits 7:4, the subtype in bits 3:0.
    pub identifier: u8,
}

const _: () = assert!(size_of::<SglDescriptor>() == 16);

open_enum! {
    /// SGL Descriptor Type (Base 4.3.2.1).
    #[derive(Unaligned)]
    pub enum SglDescriptorType: u8 {
        DATA_BLOCK = 0x0, "SGL Data Block", "Base 4.3.2.1";
        BIT_BUCKET = 0x1, "SGL Bit Bucket", "Base 4.3.2.1";
        SEGMENT = 0x2, "SGL Segment", "Base 4.3.2.1";
        LAST_SEGMENT = 0x3, "SGL Last Segment", "Base 4.3.2.1";
        KEYED_DATA_BLOCK = 0x4, "Keyed SGL Data Block", "Base 4.3.2.1";
        TRANSPORT_DATA_BLOCK = 0x5, "Transport SGL Data Block", "Base 4.3.2.1";
        VENDOR_SPECIFIC = 0xF, "Vendor specific", "Base 4.3.2.1";
    }
}

open_enum! {
    /// SGL Descriptor Sub Type (Base 4.3.2.1).
    #[derive(Unaligned)]
    pub enum SglDescriptorSubtype: u8 {
        ADDRESS = 0x0, "Address", "Base 4.3.2.1";
        OFFSET = 0x1, "Offset", "Base 4.3.2.1";
    }
}

impl SglDescriptor {
    /// A descriptor of any type and subtype, legal or not; only the low four bits of each are used.
    pub const fn new(
        kind: SglDescriptorType,
        subtype: SglDescriptorSubtype,
        address: u64,
        length: u32,
    ) -> Self {
        Self {
            address: U64::new(address),
            length: U32::new(length),
            reserved: [0; 3],
            identifier: kind.0 << 4 | subtype.0 & 0xF,
        }
    }

    /// SGL Data Block: `length` bytes at `address`.
    pub const fn data_block(address: u64, length: u32) -> Self {
        Self::new(SglDescriptorType::DATA_BLOCK, SglDescriptorSubtype::ADDRESS, address, length)
    }

    /// SGL Bit Bucket: `length` bytes that a read discards; a write ignores it.
    pub const fn bit_bucket(length: u32) -> Self {
        Self::new(SglDescriptorType::BIT_BUCKET, SglDescriptorSubtype::ADDRESS, 0, length)
    }

    /// SGL Segment: the next segment, which is not the last one.
    ///
    /// `length` is in bytes: 16 a descriptor.
    pub const fn segment(address: u64, length: u32) -> Self {
        Self::new(SglDescriptorType::SEGMENT, SglDescriptorSubtype::ADDRESS, address, length)
    }

    /// SGL Last Segment: the next segment, which is the last one.
    ///
    /// `length` is in bytes: 16 a descriptor.
    pub const fn last_segment(address: u64, length: u32) -> Self {
        Self::new(SglDescriptorType::LAST_SEGMENT, SglDescriptorSubtype::ADDRESS, address, length)
    }

    /// The type, in bits 7:4 of the identifier.
    pub const fn kind(&self) -> SglDescriptorType {
        SglDescriptorType(self.identifier >> 4)
    }

    /// The subtype, in bits 3:0 of the identifier.
    pub const fn subtype(&self) -> SglDescriptorSubtype {
        SglDescriptorSubtype(self.identifier & 0xF)
    }

    /// The descriptor as the two qwords of DPTR (SGL1, Base 4.1.1).
    pub fn to_dptr(self) -> [U64; 2] {
        zerocopy::transmute!(self)
    }

    /// The descriptor that the two qwords of DPTR are when PSDT says SGL (SGL1, Base 4.1.1).
    pub fn from_dptr(dptr: [U64; 2]) -> Self {
        zerocopy::transmute!(dptr)
    }
}

impl fmt::Debug for SglDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SglDescriptor")
            .field("type", &self.kind())
            .field("subtype", &self.subtype())
            .field("address", &format_args!("{:#x}", self.address))
            .field("length", &self.length.get())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_descriptor_has_the_bytes_of_the_figure() {
        let block = SglDescriptor::data_block(0x0807_0605_0403_0201, 0x0C0B_0A09);
        assert_eq!(block.as_bytes(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 0x00]);
        assert_eq!(SglDescriptor::bit_bucket(1).as_bytes()[15], 0x10);
        assert_eq!(SglDescriptor::segment(0x1000, 32).as_bytes()[15], 0x20);
        assert_eq!(SglDescriptor::last_segment(0x1000, 32).as_bytes()[15], 0x30);
    }

    #[test]
    fn an_unknown_type_round_trips() {
        let descriptor =
            SglDescriptor::new(SglDescriptorType(0xA), SglDescriptorSubtype(0xB), 0, 0);
        assert_eq!(descriptor.identifier, 0xAB);
        assert_eq!(descriptor.kind(), SglDescriptorType(0xA));
        assert_eq!(descriptor.subtype(), SglDescriptorSubtype(0xB));
        assert_eq!(descriptor.kind().name(), None);
    }

    #[test]
    fn a_descriptor_fits_into_dptr_and_comes_back() {
        let descriptor = SglDescriptor::last_segment(0xABCD_0000, 4096);
        let dptr = descriptor.to_dptr();
        assert_eq!(dptr[0].get(), 0xABCD_0000);
        assert_eq!(dptr[1].get(), 0x3000_0000_0000_1000);
        assert_eq!(SglDescriptor::from_dptr(dptr), descriptor);
    }
}
