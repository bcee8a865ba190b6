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
