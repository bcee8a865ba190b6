//! Runs the tests: the `main` of a suite.
//!
//! A suite is a test target with `harness = false` whose `main` names the crates that hold tests and the
//! ways to a device:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use nvmetest_fixtures::qemu;
//! use nvmetest_fixtures::soft;
//! # mod my_suite {}
//! use my_suite as _;
//!
//! fn main() -> ExitCode {
//!     nvmetest::runner::main(&[soft::SCHEME, qemu::SCHEME])
//! }
//! ```
//!
//! Every runner knows `vfio-user:` and `pci:` by itself.
//!
//! # Life of a run
//!
//! The options are read and the tests selected, without touching a device. If any test is going to run, each
//! device is opened and lives for the session. Tests run one at a time on the main thread, in the order of
//! file and line, or shuffled with a seed that is printed. After each test the controller has to be healthy
//! and nothing may be left behind: a leak fails the test that caused it and is repaired by a reset. A
//! controller that is lost ends that test as [`Verdict::DutLost`], is opened anew, and the rest of the tests
//! run. At the end the controllers are shut down.
//!
//! A test that fails leaves a folder of evidence, which its message names: what happened, the command that
//! runs exactly this test again, the command log, registers.
//!
//! # Exit codes
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | every verdict is as expected |
//! | 1 | some is not |
//! | 2 | the options are wrong, or a device cannot be opened |
//! | 3 | a device was lost for good, or a test did not come back |
//!
//! # Under cargo-nextest
//!
//! Nextest starts a process for each test: the session is then that of one test, which is hermetic, and
//! slower. It runs tests by name and not in the order of this runner, and knows exit codes only: a test that is
//! not applicable, skipped, or an expected failure exits with 0, and **nextest reports it as passed**. The
//! verdict of record is what this runner prints. Evidence of one nextest run is kept together, in a folder
//! with its run id.
//!
//! # Signals
//!
//! SIGPIPE stays ignored, since a device may live behind a socket whose peer dies: a closed standard output
//! ends the run in order instead. SIGINT and SIGTERM end the process at once; what belongs to the session
//! (processes, mappings, locks) goes with it by the kernel.

pub(crate) mod arguments;
pub(crate) mod attempt;
pub(crate) mod baseline;
pub(crate) mod evidence;
pub(crate) mod main;
mod panics;
pub(crate) mod registry;
mod run;
mod select;
pub(crate) mod session;
pub(crate) mod setup;
pub(crate) mod shuffle;
mod source;
pub(crate) mod tally;
pub(crate) mod verdict;
pub(crate) mod watchdog;

pub use main::main;
pub use main::serve_role;
pub use shuffle::seed;
pub(crate) use shuffle::splitmix;
pub use verdict::Verdict;

#[doc(hidden)]
pub use registry::Case;
pub use registry::TESTS;
pub use registry::TestCase;
