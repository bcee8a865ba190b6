//! NVMe compliance tests in Rust.
//!
//! A test is a function; what it needs, it names in its signature. [`nvme_test`] registers it, and
//! [`runner::main`] runs it on whatever device it is given.
//!
//! ```
//! use nvmetest::prelude::*;
//!
//! /// A read past the end fails, and with the status that the standard names.
//! #[nvme_test(spec = "NVM 3.3.4")]
//! fn a_read_past_the_end_fails(q: &Qpair, ns: Namespace, mut data: Buffer) -> Result {
//!     ns.read(&mut data, ns.capacity()).expect(Status::LBA_OUT_OF_RANGE).run(q)?;
//!     Ok(())
//! }
//! ```
//!
//! # Five nouns and three verbs
//!
//! A [`Controller`] lives for the session, a [`Qpair`] for the test, and a [`Buffer`] is memory that the device
//! can reach. A [`Command`] is a value: what is sent, what is lent, what is expected. It is **run**, which waits
//! for it; or **submitted** within a scope, [`Io`], shaped like [`std::thread::scope`], in which `waitdone`
//! and tickets wait.
//!
//! ```
//! # use nvmetest::prelude::*;
//! # fn main() -> Result {
//! # let nvme = nvmetest_fixtures::soft::controller("soft:")?;
//! let q = nvme.qpair(32)?;
//! let ns = nvme.first_namespace()?;
//! let mut memory = nvme.buffer(32 * ns.block());
//! let mut completed = 0;
//!
//! // All in flight at a time, each in its own part of the memory.
//! q.scope(|io| {
//!     for (chunk, lba) in memory.chunks_mut(ns.block()).zip(0..) {
//!         ns.read(chunk, lba).submit(io);
//!     }
//!     io.waitdone(32)?;
//!     completed += 32;
//!     Ok(())
//! })?;
//! assert_eq!(completed, 32);
//! # Ok(())
//! # }
//! ```
//!
//! # What the compiler and the runner see to
//!
//! - Memory that a command in flight was lent cannot be read, written or freed: see [`queue`] for the argument
//!   and [`memory`] for the contract with the device.
//! - A queue pair cannot outlive its controller, nor a reset, nor a format.
//! - [`what_the_compiler_tells_you`] has the errors that are met most, and the way out of each.
//! - An unexpected status is an error that names the line of the test that built the command, whether the test
//!   looks at it or not; and each completion is checked against what holds for all.
//! - Every wait has a deadline. A command that hangs is an error, and its memory comes back.
//! - A test leaves the controller as it found it, or fails: see [`Controller::leaks`].
//!
//! # Where things are
//!
//! | module | what |
//! | --- | --- |
//! | [`spec`] | the standard's wire formats, by clause |
//! | [`command`], [`queue`], [`memory`] | how commands come and go, and what they lend |
//! | [`raw`] | queues, entries and PRP Lists by hand |
//! | [`capability`] | what a test may require of a controller |
//! | [`cmdlog`] | the command log |
//! | [`durability`] | what a namespace may hold after its power was cut |
//! | [`integrity`] | what each block may hold, and what is wrong with it |
//! | [`ioworker`] | processes that drive I/O at full speed |
//! | [`qualify`] | qualification runs: profiles, several devices, shards, results on disk, joining |
//! | [`report`] | the page that is made of a qualification run |
//! | [`results`] | what a qualification run leaves, and what became of each test |
//! | [`runner`] | sessions, verdicts, evidence |
//! | [`transport`] | the seam for another way to a device |

#[doc = include_str!("a_real_drive.md")]
pub mod a_real_drive {}
pub mod capability;
pub mod cmdlog;
pub mod command;
mod controller;
mod document;
pub mod durability;
mod error;
mod fixture;
pub mod integrity;
pub mod ioworker;
pub mod memory;
mod namespace;
pub mod qualify;
pub mod queue;
pub mod raw;
pub mod report;
pub mod results;
pub mod runner;
pub mod spec;
pub mod transport;
#[doc = include_str!("what_the_compiler_tells_you.md")]
pub mod what_the_compiler_tells_you {}

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
pub use controller::ExclusiveCommand;
pub use controller::Format;
pub use controller::Hmb;
pub use controller::HmbError;
pub use controller::HmbOptions;
pub use controller::Identify;
pub use controller::Interrupts;
pub use controller::Intx;
pub use controller::LogPage;
pub use controller::PciFunction;
pub use controller::Registers;
pub use controller::RetainedHmb;
pub use controller::Shutdown;
pub use error::Error;
pub use error::Result;
pub use fixture::Fixture;
pub use fixture::Outcome;
pub use integrity::Verify;
pub use ioworker::IoWorker;
pub use ioworker::IoWorkerError;
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
    pub use crate::Verify;
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
