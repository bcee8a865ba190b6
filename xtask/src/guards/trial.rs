//! One test, run in the copy.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::process::Output;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::bail;
use nix::sys::signal::Signal;
use nix::sys::signal::killpg;
use nix::unistd::Pid;

use super::copy::Copy;
use super::list::Guard;

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passed.
    Green,
    /// It failed.
    Red,
    /// It did not come back: nobody who sees that knows why.
    Hangs,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Green => "GREEN",
            Self::Red => "red",
            Self::Hangs => "HANGS",
        })
    }
}

/// How long a test may take, when it is built. The compile-fail suite builds more then.
const DEADLINE: Duration = Duration::from_secs(300);

/// What a guard's target is called if its test is one of the library's own.
const LIBRARY: &str = "lib";

/// Builds and runs the test of a guard.
pub fn run(copy: &Copy, guard: &Guard) -> anyhow::Result<Verdict> {
    let built = cargo(copy, guard).arg("--no-run").output().context("cargo does not start")?;
    if !built.status.success() {
        bail!("what is left does not compile:\n{}", String::from_utf8_lossy(&built.stderr));
    }
    let mut test = cargo(copy, guard);
    test.args(["--", "--exact", &guard.test]);
    if let Some(case) = &guard.case {
        test.arg(format!("trybuild={case}"));
    }
    let Some(output) = output_in_time(test)? else { return Ok(Verdict::Hangs) };
    judge(&output).with_context(|| format!("`{}` of `{}` was not run", guard.test, guard.target))
}

fn cargo(copy: &Copy, guard: &Guard) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--package", "nvmetest", "--locked"]);
    match guard.target.as_str() {
        LIBRARY => cargo.arg("--lib"),
        target => cargo.args(["--test", target]),
    };
    cargo.current_dir(copy.root()).env("CARGO_TARGET_DIR", copy.target());
    cargo
}

/// What the harness says of its one test. A process that a signal ended says nothing.
fn judge(output: &Output) -> anyhow::Result<Verdict> {
    let said = String::from_utf8_lossy(&output.stdout);
    let one = |outcome: &str| said.contains(&format!("{outcome};"));
    if one("1 passed; 0 failed") {
        return Ok(Verdict::Green);
    }
    let was_running = said.contains("running 1 test");
    if one("0 passed; 1 failed") || (was_running && !output.status.success()) {
        return Ok(Verdict::Red);
    }
    bail!("the harness says:\n{said}{}", String::from_utf8_lossy(&output.stderr))
}

/// Runs a command, or ends it and all that it started at the deadline.
fn output_in_time(mut command: Command) -> anyhow::Result<Option<Output>> {
    let (stdout, stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdout(stdout.try_clone()?).stderr(stderr.try_clone()?).process_group(0);
    let mut child = command.spawn().context("cargo does not start")?;
    let deadline = Instant::now() + DEADLINE;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if deadline < Instant::now() {
            killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL)?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    Ok(Some(Output { status, stdout: content(stdout)?, stderr: content(stderr)? }))
}

fn content(mut file: File) -> anyhow::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn said(stdout: &str, status: i32) -> Output {
        let status = ExitStatus::from_raw(status);
        Output { status, stdout: stdout.into(), stderr: Vec::new() }
    }

    #[test]
    fn a_test_that_was_filtered_out_proves_nothing() {
        let none = "running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored\n";
        assert!(judge(&said(none, 0)).is_err());
    }

    #[test]
    fn a_verdict_is_that_of_one_test() {
        let passed = "running 1 test\ntest result: ok. 1 passed; 0 failed; 0 ignored\n";
        assert_eq!(judge(&said(passed, 0)).unwrap(), Verdict::Green);
        let failed = "running 1 test\ntest result: FAILED. 0 passed; 1 failed; 0 ignored\n";
        assert_eq!(judge(&said(failed, 101 << 8)).unwrap(), Verdict::Red);
        // An abort.
        assert_eq!(judge(&said("running 1 test\n", 6)).unwrap(), Verdict::Red);
    }
}
