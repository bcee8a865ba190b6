//! The tests that are linked in.

use std::time::Duration;

use crate::capability::Capability;
use crate::{Controller, Result};

/// The tests of all crates that are linked in, in the order of the linker, which is none.
#[doc(hidden)]
#[linkme::distributed_slice]
pub static TESTS: [TestCase];

/// A function with `#[nvme_test]`.
#[doc(hidden)]
#[derive(Debug)]
pub struct TestCase {
    pub module: &'static str,
    pub name: &'static str,
    pub file: &'static str,
    pub line: u32,
    pub spec: Option<&'static str>,
    pub ignore: Option<&'static str>,
    pub timeout: Option<Duration>,
    pub requires: &'static [&'static Capability],
    pub cases: &'static [Case],
}

/// One reported test of a function: without a name if it is the only one.
#[doc(hidden)]
#[derive(Debug)]
pub struct Case {
    pub name: Option<&'static str>,
    pub run: fn(&mut Controller) -> Result,
}
