//! What became of running a test once.

use serde::Deserialize;
use serde::Serialize;

use crate::runner::Verdict;

/// What became of running a test once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Attempt {
    /// The device that it ran on.
    pub device: u32,
    /// Its name.
    pub test: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The verdict, after baselines.
    pub verdict: Verdict,
    /// What was seen, before baselines.
    pub found: Verdict,
    /// Why, for a reader; empty if the test passed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When it began, in milliseconds since 1970.
    pub started_ms: u64,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// The waiver that the baseline has for it, whether it counts or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<Waiver>,
    /// The folder with the evidence, below the folder of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// The command that runs exactly this test again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun: Option<String>,
    /// What was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measured: Vec<Measurement>,
    /// What its IOWorkers counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<Worker>,
    /// How long its commands took, by the command log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<CommandTimes>,
}

/// An entry of a baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Waiver {
    /// What is expected.
    pub verdict: Verdict,
    /// The clause that the device does not keep.
    pub clause: String,
    /// Why that is known.
    pub reason: String,
    /// Where more is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The last day on which it holds, such as `2027-03-31`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// A figure of a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Measurement {
    /// What was measured, such as `read.p99`.
    pub name: String,
    /// The figure.
    pub value: f64,
    /// Its unit, such as `ns`.
    pub unit: String,
    /// What it may be at most, by the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// What it has to be at least, by the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
}

impl Measurement {
    /// Returns whether it is beyond a limit.
    pub fn is_beyond(&self) -> bool {
        let Self { value, limit, at_least, .. } = *self;
        let limited = limit.is_some() || at_least.is_some();
        (limited && value.is_nan())
            || limit.is_some_and(|most| most < value)
            || at_least.is_some_and(|least| value < least)
    }
}

/// How long the commands of one opcode took in a test, as the host saw it: from the submission until the completion was found.
///
/// It is what the command log still has of the test: of each queue at least its last 4,096 commands. Asynchronous Event
/// Requests are left out, which take as long as nothing happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CommandTimes {
    /// The name of the command in the standard, such as `Get Log Page`.
    pub command: String,
    /// Whether it is an admin command.
    pub admin: bool,
    /// How many there are.
    pub count: u64,
    /// How many of them never completed. They took at least as long as is told of them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pending: u64,
    /// Pairs of a percentile and nanoseconds, as far as there are enough commands for it. The last is the maximum, 100.
    pub latency: Vec<(f64, u64)>,
    /// What it may be at most, by the profile: pairs as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<(f64, u64)>,
    /// The one that took longest, in words, with the line of source that sent it.
    pub slowest: String,
}

impl CommandTimes {
    /// Returns a percentile in nanoseconds, if there are enough commands for it; 100 is the maximum.
    pub fn at(&self, percentile: f64) -> Option<u64> {
        let same = |it: &&(f64, u64)| (it.0 - percentile).abs() < 1e-9;
        self.latency.iter().find(same).map(|&(_, ns)| ns)
    }
}

/// Returns whether so many commands are enough for a percentile: one of them at the least is beyond it.
pub(crate) fn is_enough(percentile: f64, count: u64) -> bool {
    let beyond = if percentile < 50.0 { percentile } else { 100.0 - percentile };
    // Rounding must not make the thousandth of 1000 less than one.
    count != 0 && (100.0 <= percentile || 1.0 - 1e-6 < count as f64 * beyond / 100.0)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What an IOWorker counted, as far as a report shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Worker {
    /// What the worker was told, in short.
    pub name: String,
    /// The commands that completed.
    pub commands: u64,
    /// Those that failed.
    pub errors: u64,
    /// The average.
    pub iops: f64,
    /// How many commands completed in each second; at most 600 of them, each for the same number of seconds.
    pub seconds: Vec<u32>,
    /// How many seconds each of them is for.
    pub step_s: u32,
    /// For each opcode its name, and pairs of a percentile and nanoseconds.
    pub latency: Vec<(String, Vec<(f64, u64)>)>,
}
