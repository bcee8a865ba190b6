//! What can go wrong with a worker.

use std::time::Duration;

use super::Statistics;

/// Why there is no worker, or no result of one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IoWorkerError {
    /// What was asked for cannot be. Nothing was started.
    #[error("no IOWorker can do this: {0}")]
    Impossible(String),
    /// The process did not come up.
    #[error("the IOWorker did not start: {0}")]
    NotStarted(String),
    /// Commands failed; all others were done.
    #[error(
        "{} of {} commands of the IOWorker failed, the first was {}",
        statistics.errors,
        statistics.commands(),
        statistics.first_error.as_ref().map_or_else(String::new, ToString::to_string)
    )]
    Commands {
        /// What the worker counted.
        statistics: Box<Statistics>,
    },
    /// The worker could not go on, and said why.
    #[error("IOWorker {pid} gave up after {} commands: {why}", statistics.commands())]
    GaveUp {
        /// Its process.
        pid: u32,
        /// What it had counted.
        statistics: Box<Statistics>,
        /// What it said.
        why: String,
    },
    /// The worker read what a block cannot hold: see [`integrity`](crate::integrity).
    #[error("IOWorker {pid} read wrong data after {} commands: {verdict}", statistics.commands())]
    Miscompare {
        /// Its process.
        pid: u32,
        /// What it had counted.
        statistics: Box<Statistics>,
        /// What is wrong with it, in full.
        verdict: String,
    },
    /// The process ended and said nothing: somebody killed it, or it crashed.
    #[error("IOWorker {pid} died after {} commands ({status})", statistics.commands())]
    Died {
        /// Its process.
        pid: u32,
        /// What it had counted.
        statistics: Box<Statistics>,
        /// Its exit code or the signal.
        status: String,
    },
    /// The session ended the process.
    #[error("IOWorker {pid} was ended after {} commands: {why}", statistics.commands())]
    Ended {
        /// Its process.
        pid: u32,
        /// What it had counted.
        statistics: Box<Statistics>,
        /// What the session did.
        why: String,
    },
    /// The process neither went on nor ended; it was killed.
    #[error(
        "IOWorker {pid} hung after {} commands: {what} for {after:?}; it was killed",
        statistics.commands()
    )]
    Hung {
        /// Its process.
        pid: u32,
        /// What it had counted.
        statistics: Box<Statistics>,
        /// What did not happen.
        what: &'static str,
        /// For how long it did not.
        after: Duration,
    },
}
