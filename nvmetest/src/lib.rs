//! NVMe compliance tests in Rust.

pub mod capability;
pub mod cmdlog;
pub mod command;
mod controller;
mod error;
mod fixture;
pub mod memory;
mod namespace;
pub mod queue;
pub mod runner;
pub mod spec;
pub mod transport;

pub use command::{Admin, Command, CommandSet, Completion, DEFAULT_TIMEOUT, Expected, Layout, Nvm};
pub use controller::{
    Capabilities, Controller, ControllerConfig, CreateIoCq, CreateIoSq, Event, Events, Format,
    Identify, Interrupts, LogPage, PciFunction, Registers, Shutdown,
};
pub use error::{Error, Result};
pub use fixture::{Fixture, Outcome};
pub use memory::{Buffer, Sink, Slice, SliceMut};
pub use namespace::{DsmAttributes, DsmRange, Namespace};
pub use nvmetest_macros::nvme_test;
pub use queue::{CompletionQueue, CqOptions, Io, Qpair, SqOptions, Ticket};
pub use spec::Status;
pub use spec::feature::Select;

/// What a suite needs in scope.
pub mod prelude {
    pub use crate::{
        Admin, Buffer, Command, Controller, Error, Events, Expected, Fixture, Layout, Namespace,
        Nvm, PciFunction, Qpair, Result, Status, Ticket, nvme_test, skip,
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
