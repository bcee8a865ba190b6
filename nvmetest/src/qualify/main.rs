//! The command line of a qualification.

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;
use clap::CommandFactory;
use clap::FromArgMatches;
use clap::Parser;
use clap::Subcommand;
use clap::error::ErrorKind;

use super::baseline::Baseline;
use super::merge::Merge;
use super::profile::Listed;
use super::profile::Show;
use super::render;
use super::run::Run;
use crate::cmdlog::tools::Tool;
use crate::qualify::device;
use crate::runner::main::SETUP;
use crate::runner::main::complain;
use crate::runner::main::plain;
use crate::runner::main::serve_role;
use crate::runner::setup::SetupError;
use crate::transport::Scheme;
use crate::transport::vfio;
use crate::transport::vfio_user;

/// Qualifies NVMe drives: runs the suites, keeps the results, and makes reports of them
#[derive(Debug, Parser)]
#[command(disable_help_subcommand = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    subcommand: Command,
}

/// What there is to do. Each is a file of its own.
#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<Run>),
    Merge(Merge),
    Baseline(Baseline),
    Profile(Show),
    Report(render::Report),
    Junit(render::Junit),
    Ktap(render::Ktap),
    Schema(render::Schema),
    Test(Test),
    Cmdlog(Box<Cmdlog>),
}

/// Show, count, draw, export or replay the log of a run's commands
#[derive(Debug, Args)]
struct Cmdlog {
    #[command(subcommand)]
    tool: Tool,
}

/// Run tests and print their verdicts, and nothing else: the plain runner
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
struct Test {
    /// The options of the runner
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    options: Vec<OsString>,
}

/// What a subcommand knows of the program that it is a part of.
pub(super) struct Program<'p> {
    /// The ways to a device.
    pub(super) schemes: &'p [&'static dyn Scheme],
    /// The command line, from the name of the program.
    pub(super) command: Vec<String>,
    /// The words by which the program becomes the plain runner.
    pub(super) runner: Vec<String>,
}

/// The `main` of a program that qualifies drives: it has the tests that are linked in, and devices that `schemes`,
/// `vfio-user:` and `pci:` can open. Or it becomes another process of a run, if it is started as one.
///
/// See the [module](crate::qualify) for what a run is and what the exit code means.
pub fn main(schemes: &[&'static dyn Scheme]) -> ExitCode {
    let schemes = &[schemes, &[vfio_user::SCHEME, vfio::SCHEME]].concat();
    if let Some(code) = serve_role(schemes) {
        return code;
    }
    let arguments: Vec<OsString> = env::args_os().collect();
    let command = words(&arguments);
    become_subcommand(arguments, &Program { schemes, command, runner: vec!["test".to_owned()] })
}

/// As [`main`], for a suite whose first argument has said that it is this.
pub(crate) fn begin(mut arguments: Vec<OsString>, schemes: &[&'static dyn Scheme]) -> ExitCode {
    let command = words(&arguments);
    arguments.remove(1);
    become_subcommand(arguments, &Program { schemes, command, runner: Vec::new() })
}

/// Becomes the process of a device, if this one is started as such.
pub(crate) fn serve(schemes: &[&'static dyn Scheme]) -> Option<ExitCode> {
    device::serve(schemes)
}

fn become_subcommand(arguments: Vec<OsString>, program: &Program<'_>) -> ExitCode {
    let matches = Cli::command().try_get_matches_from(arguments);
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp) => {
            // A reader that does not want the help is no reason to fail.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            return ExitCode::from(SETUP);
        }
        Err(error) => {
            complain(&SetupError::usage(&error).to_string());
            return ExitCode::from(SETUP);
        }
    };
    let done = match cli.subcommand {
        Command::Run(run) => run.run(program),
        Command::Merge(merge) => merge.run().map_err(sentence),
        Command::Baseline(baseline) => baseline.run().map_err(sentence),
        Command::Profile(show) => {
            Listed::all().and_then(|tests| show.run(&tests).map_err(sentence))
        }
        Command::Report(report) => report.run(),
        Command::Junit(junit) => junit.run(),
        Command::Ktap(ktap) => ktap.run(),
        Command::Schema(schema) => Ok(schema.run()),
        Command::Test(Test { options }) => {
            let name = OsString::from(program.command.first().cloned().unwrap_or_default());
            return plain(std::iter::once(name).chain(options).collect(), program.schemes);
        }
        Command::Cmdlog(cmdlog) => {
            return cmdlog.tool.run(program.schemes).unwrap_or_else(|error| {
                complain(&error.to_string());
                ExitCode::from(SETUP)
            });
        }
    };
    done.unwrap_or_else(|error| {
        complain(&error.to_string());
        ExitCode::from(SETUP)
    })
}

/// Reads the command line of an earlier run.
pub(super) fn earlier_run(command: &[String]) -> Option<Run> {
    // A suite was told by its first argument that it is this.
    let is_suite = command.get(1).is_some_and(|first| first == "qualify");
    let words = command.iter().enumerate().filter(|(index, _)| !(is_suite && *index == 1));
    match Cli::try_parse_from(words.map(|(_, word)| word)).ok()?.subcommand {
        Command::Run(run) => Some(*run),
        _ => None,
    }
}

/// An error as the sentence that it is.
fn sentence(error: impl std::fmt::Display) -> SetupError {
    SetupError::new(error.to_string())
}

/// The command line as text, for the record.
fn words(arguments: &[OsString]) -> Vec<String> {
    arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
