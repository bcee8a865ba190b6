//! `cargo xtask soak`.

use std::process::Command;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::suites::root;

/// Run at full length what the tests run in short: power cuts under random commands
#[derive(Args)]
pub struct Soak {
    /// How often the power of each controller is cut, and how often its process is killed
    #[arg(long, default_value_t = 500)]
    cuts: u64,
    /// Which commands, and which cuts: the same number makes the same ones
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Soak {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let succeeded = power_loss(self.cuts, self.seed)?;
        Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn power_loss(cuts: u64, seed: u64) -> anyhow::Result<bool> {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--quiet", "--release", "--package", "nvmetest-fixtures"]);
    cargo.args(["--test", "power_loss"]).current_dir(root());
    cargo.env("NVMETEST_CUTS", cuts.to_string()).env("NVMETEST_SEED", seed.to_string());
    Ok(cargo.status().context("cargo does not start")?.success())
}
