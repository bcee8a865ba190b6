//! `cargo xtask cmdlog`.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;

use crate::qualify::become_it;
use crate::qualify::build;

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
        become_it(&build(false)?, [vec!["cmdlog".into()], self.arguments].concat())
    }
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
