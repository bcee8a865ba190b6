//! What the coordinator and a device process say to each other: a line of JSON each time.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::results::Choice;
use crate::results::Measurement;
use crate::results::Worker;
use crate::runner::Verdict;

/// What the coordinator asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::qualify) enum Request {
    /// Open the device. The first request; answered by `Opened` or `NotOpened`.
    Open(Open),
    /// Run a test. Answered by `Ran` when it has, and by `Ready` when the device is fit for the next.
    Run(RunTest),
    /// Reset the controller, before this test. Answered by `Ready`.
    Reset(String),
    /// Read the SMART / Health Information. Answered by `Health`.
    Health,
    /// End the test that runs: its waits end at once. Not answered; the test is.
    Interrupt,
    /// Shut the controller down and end. Answered by `Closed`.
    Close,
}

/// How to open a device.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::qualify) struct Open {
    /// Its URI.
    pub(in crate::qualify) uri: String,
    /// How much memory the tests may lend to it, in bytes.
    pub(in crate::qualify) memory: usize,
    /// Whether all data is verified.
    pub(in crate::qualify) verify: bool,
    /// The seed of the run.
    pub(in crate::qualify) seed: u64,
    /// How long after its time something that does not come back ends the process, in milliseconds.
    pub(in crate::qualify) grace_ms: u64,
    /// The words by which this program becomes the runner.
    pub(in crate::qualify) runner: Vec<String>,
}

/// Which test to run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::qualify) struct RunTest {
    /// Its name.
    pub(in crate::qualify) test: String,
    /// How long it may take, in milliseconds.
    pub(in crate::qualify) timeout_ms: u64,
    /// Where to leave the evidence of a failure.
    pub(in crate::qualify) evidence: PathBuf,
}

/// What a device process has to say.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::qualify) enum Answer {
    /// The device is open.
    Opened(Box<Found>),
    /// It cannot be opened: a sentence.
    NotOpened(String),
    /// A test ran.
    Ran(Box<Ran>),
    /// The device is fit for the next test; or is lost for good, with the reason.
    Ready {
        /// Why it was lost for good, if it was.
        lost: Option<String>,
        /// Who it is now, if it was opened anew.
        anew: Option<Box<Found>>,
    },
    /// What it says of its health, or why it does not.
    Health(Result<BTreeMap<String, u64>, String>),
    /// Something did not come back: this process ends.
    Overran(String),
    /// The controller was shut down, or why it was not. This process ends.
    Closed(Option<String>),
}

/// Which drive is behind the URI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::qualify) struct Found {
    pub(in crate::qualify) model: String,
    pub(in crate::qualify) serial: String,
    pub(in crate::qualify) firmware: String,
    pub(in crate::qualify) version: String,
    pub(in crate::qualify) choices: Vec<Choice>,
}

/// What became of a test.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::qualify) struct Ran {
    pub(in crate::qualify) verdict: Verdict,
    pub(in crate::qualify) message: String,
    pub(in crate::qualify) took_us: u64,
    /// When it was over, on the clock of the command log.
    pub(in crate::qualify) ended_ns: u64,
    /// Whether there is a folder with evidence, or why not.
    pub(in crate::qualify) evidence: Result<bool, String>,
    pub(in crate::qualify) measured: Vec<Measurement>,
    pub(in crate::qualify) workers: Vec<Worker>,
}
