//! NVMe compliance tests in Rust.

pub mod capability;
pub mod cmdlog;
mod controller;
mod error;
mod fixture;
pub mod memory;
pub mod runner;
pub mod spec;
pub mod transport;

pub use controller::{Buffer, Capabilities, Controller, Namespace, Qpair};
pub use error::{Error, Result};
pub use fixture::{Fixture, Outcome};
pub use nvmetest_macros::nvme_test;

/// What a suite needs in scope.
pub mod prelude {
    pub use crate::{
        Buffer, Controller, Error, Fixture, Namespace, Qpair, Result, nvme_test, skip,
    };
}

#[doc(hidden)]
pub mod __private {
    pub use crate::fixture::{report, setup};
    pub use crate::runner::{Case, TESTS, TestCase};
    pub use linkme;
}

/// Ends the test as skipped, with a reason in the form of `format!`.
///
/// ```
/// use nvmetest::prelude::*;
///
/// #[nvme_test]
/// fn only_small_namespaces(ns: Namespace) -> Result {
///     if 1 < ns.nsid() {
///         skip!("namespace {} is none of the small ones", ns.nsid());
///     }
///     Ok(())
/// }
/// ```
#[macro_export]
macro_rules! skip {
    ($($reason:tt)*) => {
        return ::core::result::Result::Err(
            $crate::Error::Skipped(::std::format!($($reason)*)).into()
        )
    };
}
