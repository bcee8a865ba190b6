//! `cargo xtask browser`: the report of a run, as a real browser sees it.
//!
//! Chromium opens the page from disk and is asked over its DevTools protocol, through two pipes that it inherits: no port,
//! and no other program in between.

mod check;
mod devtools;
mod page;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use anyhow::ensure;
use clap::Args;
use xshell::Shell;
use xshell::cmd;

use crate::suites::root;
use crate::system;

/// Open the report of a run in a real browser, and check it: no error, no request, no overflow, the keyboard, both colour
/// schemes, paper
#[derive(Args)]
pub struct Browser {
    /// The page; without one that of a run that never was, with 1,000 tests of all verdicts
    report: Option<PathBuf>,

    /// Leave pictures of the page in this folder
    #[arg(long, value_name = "FOLDER")]
    pictures: Option<PathBuf>,
}

impl Browser {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let sh = Shell::new()?;
        sh.change_dir(root());
        println!("{}", system::CHROMIUM.provide(&sh)?);
        let said = match self.report {
            Some(report) => check::check(&report, self.pictures.as_deref())?,
            None => check_synthetic(&sh, self.pictures)?,
        };
        println!("{said}");
        Ok(ExitCode::SUCCESS)
    }
}

/// Makes a run that never was, and checks its report and the same beside an earlier run.
pub fn check_synthetic(sh: &Shell, pictures: Option<PathBuf>) -> anyhow::Result<String> {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    let example = cmd!(
        sh,
        "cargo run --quiet --locked --package nvmetest --example synthetic_run -- {path} 1000 2"
    );
    example.run().context("the run that never was cannot be made")?;
    let size = path.join("report.html").metadata()?.len();
    ensure!(size < 5_000_000, "the report of 1,000 tests has {size} bytes, and may have 5,000,000");
    // It has all that the report has, and the comparison.
    check::check(&path.join("against.html"), pictures.as_deref())
}
