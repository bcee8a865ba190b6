//! NVMe compliance tests in Rust.

pub mod memory;
pub mod spec;
pub mod transport;
