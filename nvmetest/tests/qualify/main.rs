//! Qualification runs, as processes of their own: what they leave, and how they end.
//!
//! This executable is two things: with `NVMETEST_SUITE` in its environment it is a program that qualifies, with a small suite and a fake
//! device, and otherwise it is the tests that run it.

mod checks;
#[path = "../runner/fake.rs"]
mod fake;
#[path = "../runner/fake_controller.rs"]
mod fake_controller;

mod commands;
mod deaths;
mod meetings;
mod outages;
mod outcomes;
mod state;
mod trivial;
mod workers;

use std::env;
use std::process::ExitCode;

use nvmetest_fixtures::soft;

/// Makes this executable the program.
const AS_SUITE: &str = "NVMETEST_SUITE";

/// Where tests of the suite say that they run, and remember what they did.
const MARKS: &str = "NVMETEST_MARKS";

fn main() -> ExitCode {
    if env::var_os(AS_SUITE).is_some() {
        return nvmetest::qualify::main(&[&fake::Fake, soft::SCHEME]);
    }
    libtest_mimic::run(&libtest_mimic::Arguments::from_args(), checks::all()).exit_code()
}

/// Whether a mark was left.
fn is_marked(name: &str) -> bool {
    env::var_os(MARKS).is_some_and(|folder| std::path::Path::new(&folder).join(name).exists())
}

/// Leaves a mark. Returns whether it is the first of its name.
fn mark(name: &str) -> bool {
    let Some(folder) = env::var_os(MARKS) else { return true };
    std::fs::File::create_new(std::path::Path::new(&folder).join(name)).is_ok()
}
