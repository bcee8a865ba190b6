//! The tools of the command log: `cargo xtask cmdlog`.

use std::process::ExitCode;

use nvmetest_fixtures::qemu;
use nvmetest_fixtures::soft;

fn main() -> ExitCode {
    nvmetest::cmdlog::tools::main(&[soft::SCHEME, qemu::SCHEME])
}
