//! The chores of the project: `cargo xtask` lists them.

mod bench;
mod bind;
mod browser;
mod ci;
mod cmdlog;
mod dist;
mod guards;
mod lab;
mod miri;
mod outside;
mod parent_death;
mod qualify;
mod soak;
mod suites;
mod system;
mod test;
mod vm;
mod wireshark;

use std::process::ExitCode;

use clap::CommandFactory;
use clap::Parser;
use clap::Subcommand;

/// The chores of the project
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    Test(test::Test),
    Qualify(qualify::Qualify),
    Report(qualify::Report),
    Bench(bench::Bench),
    Bind(bind::Bind),
    Browser(browser::Browser),
    Unbind(bind::Unbind),
    Guards(guards::Guards),
    Miri(miri::Miri),
    Soak(soak::Soak),
    #[command(subcommand)]
    Lab(lab::Lab),
    Dist(dist::Dist),
    Ci(ci::Ci),
    Cmdlog(cmdlog::Cmdlog),
    Wireshark(wireshark::Wireshark),
    #[command(subcommand)]
    Vm(vm::Vm),
    #[command(hide = true)]
    DieWithParent(parent_death::DieWithParent),
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Some(Task::Test(test)) => test.run(),
        Some(Task::Qualify(qualify)) => qualify.run(),
        Some(Task::Report(report)) => report.run(),
        Some(Task::Bench(bench)) => bench.run(),
        Some(Task::Bind(bind)) => bind.run(),
        Some(Task::Browser(browser)) => browser.run(),
        Some(Task::Unbind(unbind)) => unbind.run(),
        Some(Task::Guards(guards)) => guards.run(),
        Some(Task::Miri(miri)) => miri.run(),
        Some(Task::Soak(soak)) => soak.run(),
        Some(Task::Lab(lab)) => lab.run(),
        Some(Task::Dist(dist)) => dist.run(),
        Some(Task::Ci(ci)) => ci.run(),
        Some(Task::Cmdlog(cmdlog)) => cmdlog.run(),
        Some(Task::Wireshark(wireshark)) => wireshark.run(),
        Some(Task::Vm(vm)) => vm.run(),
        Some(Task::DieWithParent(role)) => role.run(),
        None => Cli::command().print_help().map(|()| ExitCode::SUCCESS).map_err(Into::into),
    };
    done.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
