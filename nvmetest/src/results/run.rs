//! A run: what it was told, which devices it found, what it planned, and how it ended.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

/// Which run this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Run {
    /// [`SCHEMA`](super::SCHEMA) of who wrote it.
    pub schema: u32,
    /// A name that no other run has. Shards of one run have names of their own.
    pub id: String,
    /// The version of nvmetest.
    pub tool: String,
    /// The tests that are linked in.
    pub suite: Suite,
    /// The name of the profile.
    pub profile: String,
    /// What is done about what is not as expected.
    pub mode: Mode,
    /// The seed of everything that is random.
    pub seed: u64,
    /// Which part of the tests this is, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// The name of the machine.
    pub host: String,
    /// The command line.
    pub command: Vec<String>,
    /// When it began, in milliseconds since 1970 (UTC).
    pub started_ms: u64,
}

/// The tests that are linked in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Suite {
    /// The name of the program.
    pub name: String,
    /// How many tests there are, whether they were to run or not.
    pub tests: u64,
    /// A hash over the names, clauses and places of all of them, in hexadecimal.
    pub hash: String,
}

/// What is done about what is not as expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Baselines hold, and what is unexpected is run again on a device that was reset.
    Ci,
    /// Each test runs once, and no waiver turns a failure into anything else.
    Certify,
}

/// A part of the tests of a run: the first of two is 1/2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Shard {
    /// Which, from 1.
    pub index: u32,
    /// Of how many.
    pub count: u32,
    /// How many tests all of them have together, each on one device; 0, if that is not known.
    #[serde(default)]
    pub tests: u64,
    /// Which test is in which shard, as a CRC-32: two shards with another one were cut by other weights, or from another list.
    #[serde(default)]
    pub cut: u32,
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// A drive that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Device {
    /// Its place among the devices of the run, from 0.
    pub device: u32,
    /// How it is reached.
    pub uri: String,
    /// MN of Identify Controller (Base 5.1.13.2.1).
    pub model: String,
    /// SN.
    pub serial: String,
    /// FR.
    pub firmware: String,
    /// VS, such as `2.1.0`.
    pub version: String,
    /// What it chose of what the standard leaves open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
    /// When it was opened, in milliseconds since 1970.
    pub opened_ms: u64,
}

/// One of the choices that the standard leaves to an implementation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Choice {
    /// The field, such as `MDTS`.
    pub name: String,
    /// What the device has there, for a reader.
    pub value: String,
    /// Where the standard leaves it open.
    pub clause: String,
}

/// A test that is to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Planned {
    /// The device that it is to run on; none, if whichever of several is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<u32>,
    /// Its name.
    pub test: String,
    /// The part of its name before the first `::`.
    pub area: String,
    /// What it checks, such as `Base 5.1.13`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// Where it is.
    pub file: String,
    /// The line in that file.
    pub line: u32,
}

impl Planned {
    /// Returns the requirement that it checks: the clause, with its parts in one form of spaces.
    pub(crate) fn requirement(&self) -> String {
        let words: Vec<_> = self.clause.iter().flat_map(|it| it.split_whitespace()).collect();
        words.join(" ")
    }
}

/// A test begins on a device. It is written before that, so that a test which takes the machine down can be named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Begin {
    /// The device.
    pub device: u32,
    /// Its name.
    pub test: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// What a device says of its health: its SMART / Health Information log page (Base 5.1.12.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Health {
    /// Its place among the devices of the run.
    pub device: u32,
    /// Before or after the tests.
    pub when: Moment,
    /// The fields by name. What is more than 64 bits can tell is the most that they can.
    pub values: BTreeMap<String, u64>,
}

/// When a health was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Before the first test.
    Before,
    /// After the last.
    After,
}

/// What else a reader has to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Note {
    /// What it is about.
    pub about: Subject,
    /// The device that it concerns, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<u32>,
    /// The test that it concerns, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// A sentence.
    pub text: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// What a [`Note`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Subject {
    /// A device was lost, or a process that drove it.
    Lost,
    /// A lost device is there again.
    Recovered,
    /// A test is not run any more, because of what it did to the device.
    Quarantined,
    /// A test was cut short by the user.
    Interrupted,
    /// The run goes on where an earlier one ended.
    Resumed,
    /// Anything else.
    Other,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct End {
    /// Why it is over.
    pub reason: EndReason,
    /// The exit code of the run.
    pub exit: u8,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// Why a run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Everything ran that was planned.
    Complete,
    /// The user ended it.
    Interrupted,
    /// No device was left.
    Lost,
    /// The run itself failed, such as by a full disk.
    Failed,
}
