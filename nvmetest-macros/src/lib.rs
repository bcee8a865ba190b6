//! The `#[nvme_test]` attribute. Use it through the `nvmetest` crate.
