//! `cargo xtask bench`.

use std::ffi::OsString;
use std::process::Command;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::suites::root;

/// Measure 4 KiB random reads on the soft controller, by the driver and by IOWorkers, beside what the machine can do, and
/// count what the guarantees cost
#[derive(Args)]
pub struct Bench {
    /// Options of the benchmark, behind `--`: `-- workers` for the part about IOWorkers alone
    #[arg(last = true, value_name = "OPTION")]
    options: Vec<OsString>,
}

impl Bench {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut cargo = Command::new("cargo");
        cargo.args(["run", "--quiet", "--release", "--package", "nvmetest-fixtures"]);
        cargo.args(["--example", "bench", "--"]).args(self.options).current_dir(root());
        let status = cargo.status().context("cargo does not start")?;
        Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
