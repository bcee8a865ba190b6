//! NVMe compliance tests in Rust.
