//! NVMe compliance tests in Rust.

pub mod spec;
