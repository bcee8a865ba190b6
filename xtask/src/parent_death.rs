//! A process that does not outlive the one that started it.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::Context;
use anyhow::ensure;
use clap::Args;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::getpid;
use nix::unistd::getppid;

/// What the role is called on the command line.
const ROLE: &str = "die-with-parent";

/// Become a program that ends with its parent
#[derive(Args)]
pub struct DieWithParent {
    /// The process that is the parent, unless it has ended already
    parent: i32,
    /// The program and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<OsString>,
}

impl DieWithParent {
    /// Returns only if that fails.
    pub fn run(self) -> anyhow::Result<std::process::ExitCode> {
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        // A parent that ended before the line above sends no signal any more.
        ensure!(getppid().as_raw() == self.parent, "the parent has ended");
        let (program, arguments) = self.command.split_first().context("there is no program")?;
        let error = Command::new(program).args(arguments).exec();
        Err(error).with_context(|| format!("{} does not start", program.display()))
    }
}

/// Makes a command that runs `program`, which the kernel kills when the *thread* ends that starts it.
///
/// This binary is run in between: what has to be done between fork and exec is done in safe code there.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    // The file may have been built anew since: this names the one that runs.
    let mut command = Command::new("/proc/self/exe");
    command.arg(ROLE).arg(getpid().to_string()).arg("--").arg(program);
    command
}
