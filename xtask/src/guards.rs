//! `cargo xtask guards`: each guarantee has a test that fails without it.
//!
//! `xtask/guards.toml` lists the lines that soundness rests on. Each is taken out of a copy of the project, and
//! the test that it names has to turn red.

mod copy;
mod list;
mod trial;

use std::process::ExitCode;

use anyhow::Context;
use anyhow::ensure;
use clap::Args;

use copy::Copy;
use list::Guard;
use trial::Verdict;

/// Remove each line that soundness rests on from a copy of the project, and see its test fail
#[derive(Args)]
pub struct Guards {
    /// Only the guards whose names contain one of these
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// List the guards, and run nothing
    #[arg(long)]
    list: bool,
}

impl Guards {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut guards = list::read()?;
        let is_meant = |guard: &Guard| {
            self.filters.is_empty() || self.filters.iter().any(|filter| guard.name.contains(filter))
        };
        guards.retain(is_meant);
        let filters = self.filters.join("` or `");
        ensure!(
            !guards.is_empty(),
            "no guard has `{filters}` in its name: `--list` shows them all"
        );
        if self.list {
            print!("{}", list::table(&guards));
            return Ok(ExitCode::SUCCESS);
        }
        let copy = Copy::make()?;
        let intact = intact(&copy, &guards)?;
        let mut survived = intact;
        for guard in &guards {
            let text = copy.read(&guard.file)?;
            copy.write(&guard.file, &guard.removed_from(&text)?)?;
            let verdict = trial::run(&copy, guard);
            copy.write(&guard.file, &text)?;
            let verdict = verdict.with_context(|| format!("the guard `{}`", guard.name))?;
            survived += usize::from(verdict != Verdict::Red);
            println!("{verdict:7} {}: {}", guard.name, guard.test);
        }
        println!("{} guards, {survived} without a test that fails without them", guards.len());
        Ok(if survived == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Runs the tests with every guard in place: a test that is red anyway proves nothing.
///
/// Returns how many are.
fn intact(copy: &Copy, guards: &[Guard]) -> anyhow::Result<usize> {
    let mut red = 0;
    let mut seen: Vec<&Guard> = Vec::new();
    for guard in guards {
        if seen.iter().any(|it| it.target == guard.target && it.test == guard.test) {
            continue;
        }
        seen.push(guard);
        let verdict = trial::run(copy, guard)?;
        if verdict != Verdict::Green {
            println!("{verdict} with all guards in place: {}", guard.test);
            red += 1;
        }
    }
    Ok(red)
}
