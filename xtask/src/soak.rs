//! `cargo xtask soak`.

use std::process::Command;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::suites::root;

/// Run the model of data integrity at full length: random commands, seeded corruptions, no false alarm, none missed
#[derive(Args)]
pub struct Soak {
    /// How many commands
    #[arg(long, default_value_t = 10_000_000)]
    commands: u64,
    /// Which: the same number makes the same commands
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Soak {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut cargo = Command::new("cargo");
        cargo.args(["test", "--quiet", "--release", "--package", "nvmetest", "--lib"]);
        cargo.args(["integrity::tests::model", "--", "--nocapture"]).current_dir(root());
        cargo.env("NVMETEST_SOAK_COMMANDS", self.commands.to_string());
        cargo.env("NVMETEST_SOAK_SEED", self.seed.to_string());
        let status = cargo.status().context("cargo does not start")?;
        Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
