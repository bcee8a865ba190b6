//! NVMe compliance tests in Rust.

pub mod memory;
pub mod transport;
