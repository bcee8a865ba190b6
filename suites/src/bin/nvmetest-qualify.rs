//! Qualifies NVMe drives with the suites: one program for a host without Rust.

use std::process::ExitCode;

use nvmetest_fixtures::qemu;
use nvmetest_fixtures::soft;
use nvmetest_suites as _;

fn main() -> ExitCode {
    nvmetest::qualify::main(&[soft::SCHEME, qemu::SCHEME])
}
