//! `cargo xtask cmdlog`.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use xshell::Shell;
use xshell::cmd;

use crate::suites::executable;
use crate::suites::root;

/// The program that has the tools.
const PROGRAM: &str = "nvmetest-cmdlog";

/// Show, count, draw, export or replay a command log; `cargo xtask cmdlog --help` lists what there is
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Cmdlog {
    /// What the tools are told
    #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl Cmdlog {
    /// Becomes the tool: who ends this process ends it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let program = build()?;
        let error = Command::new(&program).args(self.arguments).exec();
        Err(anyhow::Error::new(error).context(format!("{} does not start", program.display())))
    }
}

/// Builds the tools.
pub fn build() -> anyhow::Result<PathBuf> {
    let sh = Shell::new()?;
    sh.change_dir(root());
    let build = cmd!(
        sh,
        "cargo build --package nvmetest-suites --bin {PROGRAM} --message-format json-render-diagnostics"
    );
    let messages = build.quiet().read().context("the tools do not build")?;
    executable(&messages, PROGRAM, false).context("cargo did not say where the built tools are")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        cmdlog: Cmdlog,
    }

    #[test]
    fn all_arguments_are_those_of_the_tool() {
        let line = ["cmdlog", "show", "--help", "run.cmdlog", "--", "-x"];
        assert_eq!(Line::parse_from(line).cmdlog.arguments, line[1..]);
    }
}
