//! Host Memory Buffer, feature 0Dh (Base 5.1.25.2.4, Base 8.2.3).
//!
//! Set Features has its parameters in Command Dwords 11 to 15, and no data buffer: Dword 11 is
//! [`HostMemoryBuffer`], Dword 12 HSIZE, Dwords 13 and 14 the address of the Host Memory Descriptor List, Dword 15
//! HMDLEC. Get Features returns [`HostMemoryBufferStatus`] in Dword 0 and [`HostMemoryBufferAttributes`] as data.

use bitfield_struct::bitfield;
use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;
use zerocopy::little_endian::U32;
use zerocopy::little_endian::U64;

use crate::spec::reserved::Reserved;

/// Command Dword 11 of Set Features for the Host Memory Buffer (Base 5.1.25.2.4).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct HostMemoryBuffer {
    /// EHM: Enable Host Memory.
    pub ehm: bool,
    /// MR: Memory Return: the memory is what the controller had before, with the same contents, and so are its
    /// size and its descriptor list.
    pub mr: bool,
    /// HMNARE: Host Memory Non-operational Access Restriction Enable; only with CTRATT.HMBR.
    pub hmnare: bool,
    #[bits(29)]
    __: u32,
}

/// Dword 0 of the completion of Get Features for the Host Memory Buffer (Base 5.1.25.2.4).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct HostMemoryBufferStatus {
    /// EHM: the host memory is enabled.
    pub ehm: bool,
    __: bool,
    /// HMNARE: Host Memory Non-operational Access Restriction Enable.
    pub hmnare: bool,
    /// HMNAR: Host Memory Non-operational Access Restricted: the controller is being kept from the memory.
    pub hmnar: bool,
    #[bits(28)]
    __: u32,
}

/// Attributes of the Host Memory Buffer, the data of Get Features: 4096 bytes (Base 5.1.25.2.4).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct HostMemoryBufferAttributes {
    /// HSIZE: Host Memory Buffer Size, in memory pages (CC.MPS).
    pub hsize: U32,
    /// HMDLAL: Host Memory Descriptor List Lower Address.
    pub hmdlal: U32,
    /// HMDLAU: Host Memory Descriptor List Upper Address.
    pub hmdlau: U32,
    /// HMDLEC: Host Memory Descriptor List Entry Count.
    pub hmdlec: U32,
    /// Reserved.
    pub reserved16: Reserved<4080>,
}

const _: () = assert!(size_of::<HostMemoryBufferAttributes>() == 4096);

impl HostMemoryBufferAttributes {
    /// HMDLAU and HMDLAL as one address.
    pub fn descriptor_list(&self) -> u64 {
        u64::from(self.hmdlau.get()) << 32 | u64::from(self.hmdlal.get())
    }
}

/// Host Memory Buffer Descriptor Entry: 16 bytes (Base 5.1.25.2.4).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct HostMemoryBufferDescriptor {
    /// BADD: Buffer Address, a multiple of the memory page size (CC.MPS).
    pub badd: U64,
    /// BSIZE: Buffer Size, in memory pages; an entry of no pages is ignored.
    pub bsize: U32,
    /// Reserved.
    pub reserved12: Reserved<4>,
}

const _: () = assert!(size_of::<HostMemoryBufferDescriptor>() == 16);

impl HostMemoryBufferDescriptor {
    /// A descriptor of `bsize` memory pages from `badd` on.
    pub fn new(badd: u64, bsize: u32) -> Self {
        Self { badd: U64::new(badd), bsize: U32::new(bsize), reserved12: Reserved([0; 4]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_in_the_bits_of_the_figures() {
        let bits = |set: HostMemoryBuffer| u32::from(set);
        assert_eq!(bits(HostMemoryBuffer::new().with_ehm(true)), 1);
        assert_eq!(bits(HostMemoryBuffer::new().with_mr(true)), 2);
        assert_eq!(bits(HostMemoryBuffer::new().with_hmnare(true)), 4);
        let status = HostMemoryBufferStatus::from(0b1001);
        assert!(status.ehm() && !status.hmnare() && status.hmnar());
    }

    #[test]
    fn a_descriptor_is_an_address_and_a_number_of_pages() {
        let descriptor = HostMemoryBufferDescriptor::new(0x0807_0605_0403_2000, 0x0102_0304);
        let bytes = [0x00, 0x20, 3, 4, 5, 6, 7, 8, 4, 3, 2, 1, 0, 0, 0, 0];
        assert_eq!(descriptor.as_bytes(), bytes);
    }

    #[test]
    fn the_attributes_start_with_four_dwords() {
        let mut bytes = [0; 4096];
        bytes[..16].copy_from_slice(&[1, 0, 0, 0, 0x10, 2, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0]);
        let attributes = HostMemoryBufferAttributes::read_from_bytes(&bytes).expect("4096 bytes");
        assert_eq!((attributes.hsize.get(), attributes.hmdlec.get()), (1, 4));
        assert_eq!(attributes.descriptor_list(), 0x3_0000_0210);
    }
}
