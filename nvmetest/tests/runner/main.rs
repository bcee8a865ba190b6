//! The runner, run as a process of its own: its output, its exit codes, its evidence.
//!
//! This executable is two things: with `NVMETEST_SUITE` in its environment it is a small suite on a fake
//! device, and otherwise it is the tests that run that suite.

mod checks;
mod fake;
mod fake_controller;

mod hangs;
mod leaks;
mod losses;
mod outcomes;
mod repeated_losses;
mod verifies;

use std::env;
use std::process::ExitCode;

/// Makes this executable the suite.
const AS_SUITE: &str = "NVMETEST_SUITE";

fn main() -> ExitCode {
    if env::var_os(AS_SUITE).is_some() {
        return nvmetest::runner::main(&[&fake::Fake]);
    }
    libtest_mimic::run(&libtest_mimic::Arguments::from_args(), checks::all()).exit_code()
}
