//! Host memory that a controller reaches by DMA.
//!
//! # The contract with the device
//!
//! A device knows nothing of Rust, so the contract is written down once, here:
//!
//! > The device touches only memory that a command in flight names, and the queues that it was given.
//!
//! That is what the standard asks of it, and what a reference to a [`Buffer`]'s bytes rests on. A device
//! that breaks the contract is a finding, and its run is void. How much of it is enforced depends on the way
//! to the device ([`Abilities`](crate::transport::Abilities)):
//!
//! - With [`DmaModel::PerBuffer`](crate::transport::DmaModel::PerBuffer) each buffer is mapped by itself. Addresses are never used twice and
//!   are apart from each other, so an overrun, or a write that comes too late, hits nothing: on VFIO the
//!   IOMMU refuses it, on vfio-user the other process has no mapping for it.
//! - With [`DmaModel::Whole`](crate::transport::DmaModel::Whole) and [`DmaModel::Fixed`](crate::transport::DmaModel::Fixed) the device reaches the whole arena. Behind each buffer
//!   stands a canary page: an overrun is found when the buffer is freed, and between two tests.
//!
//! # What lends memory
//!
//! A command does not hold a `&mut [u8]`: as an argument that would assert exclusive access for the whole
//! call, while the device writes. It holds a loan ([`Slice`], [`SliceMut`], [`Sink`]): an address with a
//! lifetime. References to bytes exist only inside `Deref`, which the borrow checker admits only while the
//! device has no claim on them.
#![expect(unsafe_code, reason = "memory that a device shares is reached through raw pointers")]

mod arena;
mod backing;
mod block;
mod buffer;
mod device_view;
mod domain;
mod loan;
mod mapping;
pub mod prp;
pub mod sgl;
mod space;

pub use arena::Arena;
pub(crate) use block::Block;
pub use block::Iova;
pub use buffer::Buffer;
pub use device_view::DeviceView;
pub(crate) use domain::Domain;
pub use domain::MemoryError;
pub use loan::Data;
pub use loan::DeviceRead;
pub use loan::DeviceWrite;
pub use loan::Place;
pub use loan::Places;
pub use loan::Sink;
pub use loan::Slice;
pub use loan::SliceMut;
pub use mapping::Mapping;

/// The unit of mapping: no two buffers share a page.
pub const PAGE_SIZE: usize = 4096;

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
