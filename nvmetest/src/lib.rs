//! NVMe compliance tests in Rust.

pub mod cmdlog;
pub mod memory;
pub mod spec;
pub mod transport;
