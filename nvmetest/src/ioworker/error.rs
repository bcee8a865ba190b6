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
        statistics.first_error.map_or_else(String::new, |first| first.to_string())
    )]
    Commands {
        /// What the worker counted.
        statistics: Statistics,
    },
    /// The worker could not go on, and said why.
    #[error("IOWorker {pid} gave up after {completed} commands: {why}")]
    GaveUp {
        /// Its process.
        pid: u32,
        /// How many commands had completed.
        completed: u64,
        /// What it said.
        why: String,
    },
    /// The process ended and said nothing: somebody killed it, or it crashed.
    #[error("IOWorker {pid} died after {completed} commands ({status})")]
    Died {
        /// Its process.
        pid: u32,
        /// How many commands had completed.
        completed: u64,
        /// Its exit code or the signal.
        status: String,
    },
    /// The session ended the process.
    #[error("IOWorker {pid} was ended after {completed} commands: {why}")]
    Ended {
        /// Its process.
        pid: u32,
        /// How many commands had completed.
        completed: u64,
        /// What the session did.
        why: String,
    },
    /// The process neither went on nor ended; it was killed.
    #[error("IOWorker {pid} hung after {completed} commands: {what} for {after:?}; it was killed")]
    Hung {
        /// Its process.
        pid: u32,
        /// How many commands had completed.
        completed: u64,
        /// What did not happen.
        what: &'static str,
        /// For how long it did not.
        after: Duration,
    },
}
