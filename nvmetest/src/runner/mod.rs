//! Runs the tests.

mod registry;

#[doc(hidden)]
pub use registry::{Case, TESTS, TestCase};
