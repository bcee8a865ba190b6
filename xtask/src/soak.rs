//! `cargo xtask soak`: at full length what the tests run in short.

use std::process::Command;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::suites::root;

/// Run at full length what the tests run in short: the model of data integrity, and power cuts under random commands
///
/// No false alarm and no corruption that is missed; no block that a power cut may not leave.
#[derive(Args)]
pub struct Soak {
    /// How many commands the model of data integrity is sent
    #[arg(long, default_value_t = 10_000_000)]
    commands: u64,
    /// How often the power of each controller is cut, and how often its process is killed
    #[arg(long, default_value_t = 500)]
    cuts: u64,
    /// Which commands, and which cuts: the same number makes the same ones
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Soak {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Self { commands, cuts, seed } = self;
        let model = ["--package", "nvmetest", "--lib", "integrity::tests::model"];
        let integrity =
            run(&model, [("NVMETEST_SOAK_COMMANDS", commands), ("NVMETEST_SOAK_SEED", seed)])?;
        let loops = ["--package", "nvmetest-fixtures", "--test", "power_loss"];
        let power_loss = run(&loops, [("NVMETEST_CUTS", cuts), ("NVMETEST_SEED", seed)])?;
        Ok(if integrity && power_loss { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Runs tests, which look at the environment. Returns whether they passed.
fn run(tests: &[&str], numbers: [(&str, u64); 2]) -> anyhow::Result<bool> {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--quiet", "--release"]).args(tests).args(["--", "--nocapture"]);
    cargo.envs(numbers.map(|(name, number)| (name, number.to_string()))).current_dir(root());
    Ok(cargo.status().context("cargo does not start")?.success())
}
