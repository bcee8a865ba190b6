//! Host memory that a controller reaches by DMA.
#![expect(unsafe_code, reason = "memory that a device shares is reached through raw pointers")]

mod arena;
mod mapping;

pub use arena::Arena;
pub use mapping::Mapping;
