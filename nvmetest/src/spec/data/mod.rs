//! How a command describes its data buffers: PRPs and SGLs (Base 4.3).

pub mod prp;
pub mod sgl;

pub use prp::Prp;
pub use sgl::SglDescriptor;
pub use sgl::SglDescriptorSubtype;
pub use sgl::SglDescriptorType;
