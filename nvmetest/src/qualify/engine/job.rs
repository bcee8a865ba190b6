//! What a run is to do.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use super::plan::Plan;
use crate::results::Mode;
use crate::results::Results;
use crate::runner::baseline::Baseline;
use crate::transport::DeviceUri;

/// What a run is to do.
#[derive(Debug)]
pub(in crate::qualify) struct Job {
    pub(in crate::qualify) devices: Vec<DeviceUri>,
    /// The folder of the run.
    pub(in crate::qualify) out: PathBuf,
    pub(in crate::qualify) mode: Mode,
    pub(in crate::qualify) pool: Pool,
    /// The name of the profile.
    pub(in crate::qualify) profile: String,
    pub(in crate::qualify) baseline: Baseline,
    pub(in crate::qualify) plan: Plan,
    /// The seed of everything that is random.
    pub(in crate::qualify) seed: u64,
    /// What an earlier part of the run has left, if this goes on with it.
    pub(in crate::qualify) earlier: Option<Results>,
    /// How long the tests took in another run, in microseconds.
    pub(in crate::qualify) durations: HashMap<String, u64>,
    /// Whether tests run that have a reason to be ignored.
    pub(in crate::qualify) include_ignored: bool,
    /// How much memory the tests of a device may lend to it, in bytes.
    pub(in crate::qualify) memory: usize,
    pub(in crate::qualify) verify: bool,
    /// How long a test may take that does not say it itself.
    pub(in crate::qualify) timeout: Duration,
    /// How long after that it is ended.
    pub(in crate::qualify) grace: Duration,
    pub(in crate::qualify) quiet: bool,
    /// The command line.
    pub(in crate::qualify) command: Vec<String>,
    /// The words by which the program becomes the plain runner.
    pub(in crate::qualify) runner: Vec<String>,
}

/// What several devices do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::qualify) enum Pool {
    /// Each runs everything
    Matrix,
    /// They are identical, and share the tests
    Shard,
}
