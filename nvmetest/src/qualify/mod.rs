//! Qualification runs: from one command on a bench to a lab that runs every night.
//!
//! A run takes devices, tests and a profile, and leaves a folder: `results.jsonl`, to which a line is appended for everything that
//! happens (see [`results`](crate::results)), and `evidence/<test>/attempt-N/` for each failure. Everything else is made
//! from that folder, on any machine.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use nvmetest_fixtures::soft;
//! # mod my_suite {}
//! use my_suite as _;
//!
//! fn main() -> ExitCode {
//!     nvmetest::qualify::main(&[soft::SCHEME])
//! }
//! ```
//!
//! A suite whose `main` is [`runner::main`](crate::runner::main) is the same program if its first argument is `qualify`.
//!
//! # Processes
//!
//! | process | does | if it dies |
//! | --- | --- | --- |
//! | coordinator | plans, asks, judges, writes the results; touches no device | the device processes are killed by the kernel (PR_SET_PDEATHSIG); `--resume` goes on |
//! | device process, one a device | opens its device and runs tests on it, one at a time | the test that ran is [`Crash`](crate::runner::Verdict::Crash), another process is started, and the rest of the tests run |
//! | what a device process starts: soft controllers, IOWorkers | as under the plain runner | as there |
//!
//! A device process is the program itself, executed again. It is spoken to over an inherited socket, in lines of JSON; what tests print
//! is caught, and the end of it is in the evidence. It is in a process group of its own, so that a Ctrl-C at the
//! terminal is the coordinator's alone. Its command log is the coordinator's as well: it is evidence of a crash. A test that
//! does not come back is ended with its process, by a watchdog in it, or, if all of it is stopped, by the coordinator.
//!
//! # Two modes
//!
//! In `ci`, a baseline says which failures are known, what is unexpected is run once more on a device that was reset, and attempts that
//! differ are a flake: named, and no failure of the run. In `certify` each test runs once, and a failure is a failure;
//! what a baseline knows of it stands beside it.
//!
//! # What happens to what goes wrong
//!
//! A device that is lost is reset or opened again, by its process or by another one, and the rest of its tests run. One that does not
//! come back is left, with its tests [`Missing`](crate::runner::Verdict::Missing); drives that share their tests (`--pool shard`) take them over. A function whose
//! cases killed a device or a process three times, over all attempts and devices, is in quarantine: what is left of it is
//! [`Blocked`](crate::runner::Verdict::Blocked).
//!
//! A test that takes the whole machine down, or the coordinator, is known by the line that is written before each test: on `--resume`, one
//! that was begun, has no result and was ended by nobody counts as a loss, and three of them are a quarantine as well. From the first such
//! end on, what was written is on the disk before a test begins; until then nobody waits for a disk.
//!
//! `--resume` goes on with a folder: what has no verdict is run, as the run was told, with its seed. Other tests, other drives
//! or other options are refused. `--bisect TEST` finds the fewest tests after which that one fails.
//!
//! The first SIGINT or SIGTERM ends the test that runs: all waits of the driver end, as they do at a deadline, the ladder takes its
//! memory back, the controller is shut down, and the report is made of what ran. The test that was cut short has no verdict.
//! The second ends the process at once, and the kernel ends what it started.
//!
//! # Exit codes
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | every verdict is as expected |
//! | 1 | some is not, or is missing |
//! | 2 | the options are wrong, a device cannot be opened, or the results cannot be written |
//! | 3 | a device was lost for good |
//! | 130 | the run was interrupted |

pub mod baseline;
mod bisect;
mod choices;
mod device;
mod engine;
mod health;
mod main;
pub mod merge;
pub mod profile;
mod render;
mod run;
pub mod shard;

pub(crate) use main::begin;
pub use main::main;
pub(crate) use main::serve;
