//! `run`: the qualification itself.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use clap::ValueEnum;

use super::engine::Job;
use super::engine::Plan;
use super::engine::Pool;
use super::engine::run_job;
use super::main::Program;
use crate::results::Mode;
use crate::runner::arguments::memory;
use crate::runner::arguments::scheme;
use crate::runner::arguments::seconds;
use crate::runner::baseline::Baseline;
use crate::runner::seed;
use crate::runner::setup::SetupError;
use crate::runner::shuffle;
use crate::transport::DeviceUri;

/// Qualify one drive or several: run the tests, and leave a folder with the results
///
/// The exit code is 0 if all is as expected, 1 if not, 2 if the run could not begin or its results could not be written, 3 if a
/// device was lost for good, 130 if it was interrupted.
#[derive(Debug, Clone, Args)]
pub(super) struct Run {
    /// The device to qualify; repeatable (or NVMETEST_DEVICE, separated by spaces) [default: soft:]
    #[arg(long = "device", value_name = "URI")]
    devices: Vec<DeviceUri>,

    /// The folder for the results, which has none yet
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// What is done about what is not as expected [default: ci]
    #[arg(long, value_enum)]
    mode: Option<ModeName>,

    /// What several devices do
    #[arg(long, value_enum, default_value = "matrix")]
    pool: Pool,

    /// The failures that are known (TOML); repeatable
    #[arg(long, value_name = "FILE")]
    baseline: Vec<PathBuf>,

    /// Leave out the tests whose names contain this; repeatable
    #[arg(long, value_name = "FILTER")]
    skip: Vec<String>,

    /// A filter is the whole name of a test
    #[arg(long)]
    exact: bool,

    /// Run also tests that have a reason to be ignored
    #[arg(long)]
    include_ignored: bool,

    /// Choose the seed of everything that is random in the run
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,

    /// Run the tests in a random order, which follows from the seed
    #[arg(long)]
    shuffle: bool,

    /// How much memory the tests of a device may lend to it
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = memory)]
    memory: usize,

    /// Verify the data of all namespaces in all tests
    #[arg(long)]
    verify: bool,

    /// How long a test may take that does not say it itself
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    timeout: Duration,

    /// How long after its timeout a test that does not come back is ended with its process
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    grace: Duration,

    /// Say nothing but the summary
    #[arg(long, short)]
    quiet: bool,

    /// Run only the tests whose names contain one of these
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
}

/// A mode on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ModeName {
    /// Baselines hold, and what is unexpected is run once more on a device that was reset
    Ci,
    /// Each test runs once, and no baseline makes a failure anything else
    Certify,
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Ci => Self::Ci,
            ModeName::Certify => Self::Certify,
        }
    }
}

impl Run {
    pub(super) fn run(self, program: &Program<'_>) -> Result<ExitCode, SetupError> {
        let Some(out) = self.out.clone() else {
            return Err(SetupError::new("give the folder for the results with `--out DIR`"));
        };
        let job = self.job(program, out)?;
        run_job(&job)
    }

    fn job(self, program: &Program<'_>, out: PathBuf) -> Result<Job, SetupError> {
        let devices = devices(self.devices)?;
        for device in &devices {
            scheme(program.schemes, device)?;
        }
        if let Some(seed) = self.seed {
            shuffle::choose(seed);
        }
        let plan = Plan::new(&self.filters, self.exact, &self.skip, self.shuffle.then(seed))?;
        let baseline = Baseline::read(&self.baseline, |test| plan.exists(test))?;
        Ok(Job {
            devices,
            out,
            mode: self.mode.unwrap_or(ModeName::Ci).into(),
            pool: self.pool,
            profile: "default".to_owned(),
            baseline,
            plan,
            include_ignored: self.include_ignored,
            memory: self.memory,
            verify: self.verify,
            timeout: self.timeout,
            grace: self.grace,
            quiet: self.quiet,
            command: program.command.clone(),
            runner: program.runner.clone(),
        })
    }
}

/// The devices of the command line, or those of the environment, or the soft controller.
fn devices(chosen: Vec<DeviceUri>) -> Result<Vec<DeviceUri>, SetupError> {
    let mut devices = chosen;
    if devices.is_empty() {
        let environment = std::env::var("NVMETEST_DEVICE").unwrap_or_default();
        devices = environment.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    }
    if devices.is_empty() {
        devices.push("soft:".parse()?);
    }
    for (index, device) in devices.iter().enumerate() {
        if devices[..index].contains(device) {
            return Err(SetupError::new(format!(
                "the device {device} is given twice; give it once"
            )));
        }
    }
    Ok(devices)
}
