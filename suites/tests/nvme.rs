//! Runs the suites.

use std::process::ExitCode;

use nvmetest_fixtures::qemu;
use nvmetest_fixtures::soft;
use nvmetest_suites as _;

fn main() -> ExitCode {
    nvmetest::runner::main(&[soft::SCHEME, qemu::SCHEME])
}
