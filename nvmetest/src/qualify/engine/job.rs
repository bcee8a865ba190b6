//! What a run is to do.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use clap::ValueEnum;

use super::plan::Plan;
use crate::qualify::profile::Profile;
use crate::qualify::shard::Weights;
use crate::results::Results;
use crate::runner::baseline::Baseline;
use crate::transport::DeviceUri;

/// What a run is to do.
#[derive(Debug, Clone)]
pub(in crate::qualify) struct Job {
    pub(in crate::qualify) devices: Vec<DeviceUri>,
    /// The folder of the run.
    pub(in crate::qualify) out: PathBuf,
    pub(in crate::qualify) pool: Pool,
    pub(in crate::qualify) profile: Profile,
    pub(in crate::qualify) baseline: Rc<Baseline>,
    pub(in crate::qualify) plan: Plan,
    /// The seed of everything that is random.
    pub(in crate::qualify) seed: u64,
    /// What an earlier part of the run has left, if this goes on with it.
    pub(in crate::qualify) earlier: Option<Results>,
    /// How long the tests took in another run.
    pub(in crate::qualify) durations: Option<Weights>,
    /// How much memory the tests of a device may lend to it, in bytes.
    pub(in crate::qualify) memory: usize,
    pub(in crate::qualify) verify: bool,
    /// How long a test may take that does not say it itself; none is what the profile says.
    pub(in crate::qualify) timeout: Option<Duration>,
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
