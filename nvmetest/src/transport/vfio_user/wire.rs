//! Messages of the vfio-user protocol, as they stand on the socket.
//!
//! All integers are little-endian. A message is a [`Header`] and a body that the command defines; file
//! descriptors travel beside its first byte.

use vfio_bindings::bindings::vfio;
use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;
use zerocopy::little_endian::U16;
use zerocopy::little_endian::U32;
use zerocopy::little_endian::U64;

/// What a message asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Command {
    Version = 1,
    DmaMap = 2,
    DmaUnmap = 3,
    DeviceGetInfo = 4,
    DeviceGetRegionInfo = 5,
    DeviceGetIrqInfo = 7,
    DeviceSetIrqs = 8,
    RegionRead = 9,
    RegionWrite = 10,
    DeviceReset = 13,
}

/// What every message begins with.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct Header {
    /// Chosen by the sender of a request, and repeated in the reply.
    pub message_id: U16,
    pub command: U16,
    /// The length of the message in bytes, with this header.
    pub message_size: U32,
    pub flags: U32,
    /// The errno of a reply with [`Header::ERROR`].
    pub error: U32,
}

impl Header {
    pub(super) const SIZE: usize = size_of::<Self>();
    /// The bits of `flags` that tell a request (0) from a reply (1).
    pub(super) const TYPE: u32 = 0xf;
    pub(super) const REPLY: u32 = 1;
    /// The sender waits for no reply.
    pub(super) const NO_REPLY: u32 = 1 << 4;
    pub(super) const ERROR: u32 = 1 << 5;
}

/// The body of VERSION, in front of capabilities as a JSON text that ends with a zero byte.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct Version {
    pub major: U16,
    pub minor: U16,
}

/// The body of DMA_MAP; the descriptor of the file comes beside it.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct DmaMap {
    pub argsz: U32,
    pub flags: U32,
    pub offset: U64,
    pub address: U64,
    pub size: U64,
}

/// The body of DMA_UNMAP.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct DmaUnmap {
    pub argsz: U32,
    pub flags: U32,
    pub address: U64,
    pub size: U64,
}

/// The body of DEVICE_GET_INFO: `vfio_device_info` as it was before it had capabilities.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct DeviceInfo {
    pub argsz: U32,
    pub flags: U32,
    pub num_regions: U32,
    pub num_irqs: U32,
}

/// The body of DEVICE_GET_REGION_INFO, in front of capabilities: `vfio_region_info`.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct RegionInfo {
    pub argsz: U32,
    pub flags: U32,
    pub index: U32,
    /// The offset of the first capability from the start of this structure, or 0.
    pub cap_offset: U32,
    pub size: U64,
    /// The offset of the region in the file that comes beside the message.
    pub offset: U64,
}

/// What each capability of a region begins with: `vfio_info_cap_header`.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct CapabilityHeader {
    pub id: U16,
    pub version: U16,
    /// The offset of the next capability from the start of the [`RegionInfo`], or 0.
    pub next: U32,
}

/// The capability that lists what of a region can be mapped: `vfio_region_info_cap_sparse_mmap`, without
/// the areas.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct SparseMmap {
    pub header: CapabilityHeader,
    pub nr_areas: U32,
    pub reserved: U32,
}

/// A part of a region that can be mapped: `vfio_region_sparse_mmap_area`.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct SparseArea {
    pub offset: U64,
    pub size: U64,
}

/// The body of DEVICE_GET_IRQ_INFO: `vfio_irq_info`.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct IrqInfo {
    pub argsz: U32,
    pub flags: U32,
    pub index: U32,
    pub count: U32,
}

/// The body of DEVICE_SET_IRQS: `vfio_irq_set`; eventfds come beside it.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct IrqSet {
    pub argsz: U32,
    pub flags: U32,
    pub index: U32,
    pub start: U32,
    pub count: U32,
}

/// The body of REGION_READ and REGION_WRITE, in front of the data.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct RegionAccess {
    pub offset: U64,
    pub region: U32,
    pub count: U32,
}

const _: () = {
    assert!(Header::SIZE == 16);
    assert!(size_of::<RegionInfo>() == size_of::<vfio::vfio_region_info>());
    assert!(size_of::<CapabilityHeader>() == size_of::<vfio::vfio_info_cap_header>());
    assert!(size_of::<SparseMmap>() == size_of::<vfio::vfio_region_info_cap_sparse_mmap>());
    assert!(size_of::<SparseArea>() == size_of::<vfio::vfio_region_sparse_mmap_area>());
    assert!(size_of::<IrqInfo>() == size_of::<vfio::vfio_irq_info>());
    assert!(size_of::<IrqSet>() == size_of::<vfio::vfio_irq_set>());
};
