//! `run`: the qualification itself.

mod resume;

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use clap::ValueEnum;

use super::bisect;
use super::engine::FILE;
use super::engine::Job;
use super::engine::Plan;
use super::engine::Pool;
use super::engine::Selection;
use super::engine::listed;
use super::engine::run_job;
use super::main::Program;
use super::profile::Profile;
use super::shard::Shard;
use super::shard::Weights;
use crate::results::Mode;
use crate::results::Results;
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

    /// What to run, and what has to come of it: a profile that is shipped, or a file; the subcommand `profile` lists them
    #[arg(long, value_name = "PROFILE", default_value = "default")]
    profile: String,

    /// Run only one of several parts of the tests, such as 2/5; or `none`, whatever the environment says
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,

    /// Find out which tests before this one make it fail, and print the fewest that do
    #[arg(long, value_name = "TEST", conflicts_with = "resume")]
    bisect: Option<String>,

    /// Go on with the run in this folder: what has no verdict yet is run, as the run was told
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    resume: Option<PathBuf>,

    /// The folder of an earlier run: how long its tests took says how they are dealt out to shards, and how much time is left
    #[arg(long, value_name = "DIR")]
    durations: Option<PathBuf>,

    /// What is done about what is not as expected [default: as the profile says]
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

    /// How long a test may take that does not say it itself [default: as the profile says]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,

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
        let bisect = self.bisect.clone();
        let job = match (&self.out, &self.resume) {
            (_, Some(folder)) => {
                let folder = folder.clone();
                self.resumed(program, folder)?
            }
            (Some(out), None) => {
                let out = out.clone();
                self.job(program, out)?
            }
            (None, None) => {
                return Err(SetupError::new("give the folder for the results with `--out DIR`"));
            }
        };
        match bisect {
            Some(test) => bisect::run(&job, &test),
            None => run_job(&job),
        }
    }

    fn job(self, program: &Program<'_>, out: PathBuf) -> Result<Job, SetupError> {
        let devices = devices(self.devices)?;
        for device in &devices {
            scheme(program.schemes, device)?;
        }
        let mut profile = Profile::load(&self.profile, &listed()?)?;
        match self.mode {
            Some(ModeName::Certify) => (profile.mode, profile.retries) = (Mode::Certify, 0),
            Some(ModeName::Ci) if profile.mode == Mode::Certify => {
                return Err(SetupError::new(format!(
                    "the profile {} certifies, and certifies nothing in mode ci; give another profile",
                    profile.name
                )));
            }
            _ => {}
        }
        if let Some(seed) = self.seed.or(profile.seed) {
            shuffle::choose(seed);
        }
        let earlier = self.durations.as_deref().map(|folder| Results::read(&folder.join(FILE)));
        let weights = earlier.transpose()?.map(|results| Weights::of(&results));
        let chosen = Shard::choose(self.shard.as_deref(), |name| std::env::var(name).ok())?;
        let even = Weights::default();
        let plan = Plan::new(&Selection {
            profile: &profile,
            filters: &self.filters,
            skip: &self.skip,
            exact: self.exact,
            ignored_too: self.include_ignored,
            shuffle: self.shuffle.then(seed),
            shard: chosen.as_ref().map(|it| (it.shard, weights.as_ref().unwrap_or(&even))),
        })?;
        if let Some(chosen) = &chosen {
            chosen.acknowledge().map_err(|error| {
                SetupError::new(format!("{} cannot be answered: {error}", chosen.source))
            })?;
        }
        let baseline = Baseline::read(&self.baseline, |test| plan.exists(test))?;
        // Only the time that is left is told by what nobody asked for: all machines have to deal out tests alike.
        let durations = weights.or_else(|| newest_beside(&out));
        Ok(Job {
            devices,
            out,
            pool: self.pool,
            profile,
            baseline: Rc::new(baseline),
            plan,
            seed: seed(),
            earlier: None,
            durations,
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

/// How long the tests took in the newest run beside `out`.
fn newest_beside(out: &Path) -> Option<Weights> {
    let out = std::path::absolute(out).ok()?;
    let entries = fs::read_dir(out.parent()?).ok()?;
    let files = entries.filter_map(Result::ok).map(|entry| entry.path().join(FILE));
    let dated = files.filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)));
    let (_, newest) = dated.max()?;
    // If it is no use, it is not used.
    Results::read(&newest).ok().map(|results| Weights::of(&results))
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
