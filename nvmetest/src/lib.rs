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

pub use command::Admin;
pub use command::Command;
pub use command::CommandSet;
pub use command::Completion;
pub use command::DEFAULT_TIMEOUT;
pub use command::Expected;
pub use command::Layout;
pub use command::Nvm;
pub use controller::Capabilities;
pub use controller::Controller;
pub use controller::ControllerConfig;
pub use controller::CreateIoCq;
pub use controller::CreateIoSq;
pub use controller::Event;
pub use controller::Events;
pub use controller::Format;
pub use controller::Identify;
pub use controller::Interrupts;
pub use controller::LogPage;
pub use controller::PciFunction;
pub use controller::Registers;
pub use controller::Shutdown;
pub use error::Error;
pub use error::Result;
pub use fixture::Fixture;
pub use fixture::Outcome;
pub use memory::Buffer;
pub use memory::Sink;
pub use memory::Slice;
pub use memory::SliceMut;
pub use namespace::DsmAttributes;
pub use namespace::DsmRange;
pub use namespace::Namespace;
pub use nvmetest_macros::nvme_test;
pub use queue::CompletionQueue;
pub use queue::CqOptions;
pub use queue::Io;
pub use queue::Qpair;
pub use queue::SqOptions;
pub use queue::Ticket;
pub use spec::Status;
pub use spec::feature::Select;

/// What a suite needs in scope.
pub mod prelude {
    pub use crate::Admin;
    pub use crate::Buffer;
    pub use crate::Command;
    pub use crate::Controller;
    pub use crate::Error;
    pub use crate::Events;
    pub use crate::Expected;
    pub use crate::Fixture;
    pub use crate::Layout;
    pub use crate::Namespace;
    pub use crate::Nvm;
    pub use crate::PciFunction;
    pub use crate::Qpair;
    pub use crate::Result;
    pub use crate::Status;
    pub use crate::Ticket;
    pub use crate::nvme_test;
    pub use crate::skip;
}

#[doc(hidden)]
pub mod __private {
    pub use crate::fixture::report;
    pub use crate::fixture::setup;
    pub use crate::runner::Case;
    pub use crate::runner::TESTS;
    pub use crate::runner::TestCase;
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
