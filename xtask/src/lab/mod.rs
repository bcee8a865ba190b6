//! `cargo xtask lab`: what `docs/lab` ships is used as a lab would use it.

mod daemons;
pub mod kubernetes;
pub mod merge;
mod results;
pub mod slurm;

use std::process::ExitCode;

use clap::Subcommand;

use kubernetes::Kubernetes;
use merge::Merge;
use slurm::Slurm;

/// Try what docs/lab ships for labs with many machines
#[derive(Subcommand)]
pub enum Lab {
    Slurm(Slurm),
    Kubernetes(Kubernetes),
    Merge(Merge),
}

impl Lab {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Slurm(slurm) => slurm.run(),
            Self::Kubernetes(kubernetes) => kubernetes.run(),
            Self::Merge(merge) => merge.run(),
        }
    }
}
