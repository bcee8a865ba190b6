//! The chores of the project: `cargo xtask` lists them.

mod bench;
mod bind;
mod browser;
mod ci;
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
    /// Make the report of a run from its folder: `report DIR`, `report DIR --against EARLIER`
    Report(qualify::Words),
    /// Join the results of several machines: `merge --out DIR RUN…`
    Merge(qualify::Words),
    /// Rewrite what is known to fail by the results of a run: `baseline update --results DIR --baseline FILE`
    Baseline(qualify::Words),
    /// List the profiles, or check one: `profile FILE`
    Profile(qualify::Words),
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
    /// Show, count, draw, export or replay a command log; `cargo xtask cmdlog --help` lists what there is
    Cmdlog(qualify::Words),
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
        Some(Task::Report(words)) => words.run("report"),
        Some(Task::Merge(words)) => words.run("merge"),
        Some(Task::Baseline(words)) => words.run("baseline"),
        Some(Task::Profile(words)) => words.run("profile"),
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
        Some(Task::Cmdlog(words)) => words.run("cmdlog"),
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
