//! Host memory that a controller reaches by DMA.
//!
//! # The contract with the device
//!
//! A device knows nothing of Rust, so the contract is written down once, here:
//!
//! > The device touches only memory that a command in flight names, and the queues and the host memory buffer that
//! > it was given.
//!
//! > A vfio-user server that has answered DMA_UNMAP has unmapped the memory, and one whose connection has ended has
//! > unmapped all of it.
//!
//! That is what the standard, and vfio-user, ask of it, and what a reference to a [`Buffer`]'s bytes rests on. A device
//! that breaks the contract is a finding, and its run is void. How much of it is enforced depends on the way
//! to the device ([`Abilities`](crate::transport::Abilities)):
//!
//! - With [`DmaModel::PerBuffer`](crate::transport::DmaModel::PerBuffer) each buffer is mapped by itself. Addresses are never used twice and
//!   are apart from each other, so an overrun, or a write that comes too late, hits nothing: on VFIO the
//!   IOMMU refuses it, on vfio-user the other process has no mapping for it.
//! - With [`DmaModel::Whole`](crate::transport::DmaModel::Whole) and [`DmaModel::Fixed`](crate::transport::DmaModel::Fixed) the device reaches the whole arena. Behind each buffer
//!   stands a canary page: an overrun is found when the buffer is freed, and between two tests.
//!
//! # Guard rails
//!
//! What a device does with memory that was not lent to it is a failure that names the command, the address, and how
//! far that is from the loan. Two things find it:
//!
//! - **Canaries** where the device can write and nobody reads. What is left of the last page of a buffer is one as long
//!   as the buffer lives. The 64 bytes beside a slice that has its buffer to itself ([`Buffer::slice_mut`],
//!   [`SliceMut::narrow`]) are one while a command has it, as far as they are of the same page. The canaries of a
//!   command are looked at when it completes, and those of a buffer when it is freed. Loans of whole pages have
//!   none, and cost nothing.
//! - **DMA faults**: addresses that the device used and that no mapping covers, where somebody observes that
//!   ([`Abilities::dma_faults`](crate::transport::Abilities::dma_faults)). They are told with what failed of it, or when the test is
//!   over; a test that provokes them takes them
//!   ([`Controller::take_dma_faults`](crate::Controller::take_dma_faults)).
//!
//! | way to the device | into the rest of a page | further, or into freed memory | memory taken from a hung command |
//! | --- | --- | --- | --- |
//! | `soft:` | canary | no access; a fault with the address | no access; a fault that is no new finding |
//! | vfio-user, buffer by buffer | canary | no access, and nobody is told | no access |
//! | vfio-user, the whole arena | canary | canary page behind each buffer; freed memory is not watched | not taken: the controller is disabled |
//! | QEMU | canary | canary page behind each buffer; freed memory is not watched | not taken: the controller is disabled |
//! | `pci:` | canary | no access; a fault where the kernel's log tells of it | no access |
//!
//! No canary stands between adjacent parts of one buffer ([`Buffer::chunks_mut`]), and none finds a read that goes too
//! far. A device that writes the very bytes of a canary is not found out; they differ from byte to byte.
//!
//! # What lends memory
//!
//! A command does not hold a `&mut [u8]`: as an argument that would assert exclusive access for the whole
//! call, while the device writes. It holds a loan ([`Slice`], [`SliceMut`], [`Sink`]): an address with a
//! lifetime. References to bytes exist only inside `Deref`, which the borrow checker admits only while the
//! device has no claim on them.
#![expect(unsafe_code, reason = "memory that a device shares is reached through raw pointers")]

mod arena;
mod attach;
mod backing;
mod block;
mod borrowed;
mod buffer;
mod canary;
mod cursor;
mod device_view;
mod domain;
mod huge_pages;
mod known;
mod loan;
mod longs;
mod mapping;
mod parts;
pub mod prp;
pub mod sgl;
mod space;
mod words;

pub use arena::Arena;
pub(crate) use attach::attach;
pub(crate) use block::Block;
pub(crate) use block::DomainId;
pub use block::Iova;
pub(crate) use borrowed::Borrowed;
pub use buffer::Buffer;
pub(crate) use canary::Canaries;
pub use canary::Overrun;
pub(crate) use cursor::Cursor;
pub use device_view::DeviceView;
pub(crate) use domain::Domain;
pub use domain::MemoryError;
pub(crate) use domain::UNMAPPED;
pub use huge_pages::HugePages;
pub(crate) use known::Neighbour;
pub use loan::Data;
pub use loan::DeviceRead;
pub use loan::DeviceWrite;
pub use loan::Place;
pub use loan::Places;
pub use loan::Sink;
pub use loan::Slice;
pub use loan::SliceMut;
pub(crate) use longs::Longs;
pub use mapping::Mapping;
pub(crate) use parts::Parts;
pub(crate) use words::Words;

/// The unit of mapping: no two buffers share a page.
pub const PAGE_SIZE: usize = 4096;

/// The size of a huge page, where memory is in such: one entry of an IOMMU's table translates it.
pub const HUGE_PAGE_SIZE: usize = 2 << 20;

/// Hands memory over between this thread and the device: at submission, after the last access by the host
/// and before the doorbell; at completion, after the phase tag was seen and before the first access.
///
/// Accesses of the compiler are ordered by the assumption that the device touches the memory here, those of the
/// processor by the fence.
#[inline(always)]
pub(crate) fn hand_over() {
    std::sync::atomic::fence(std::sync::atomic::Ordering::AcqRel);
    backing::touch_what_escaped();
}
