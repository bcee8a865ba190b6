//! A logged command, out of the log.

use std::sync::Arc;

use super::entry::Entry;
use super::ring::Token;
use super::site::Site;
use crate::spec::Cqe;
use crate::spec::Sqe;
use crate::spec::Status;

/// One command: what was sent, from where, and what came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which command of the log this is.
    pub token: Token,
    /// The submission queue; 0 is the Admin Submission Queue.
    pub sqid: u16,
    /// The completion queue.
    pub cqid: u16,
    /// The process that submitted it.
    pub process: u32,
    /// The line of the test that built it; `None` if the log had no room for one more.
    pub site: Option<Arc<Site>>,
    /// When it was submitted, CLOCK_MONOTONIC in ns.
    pub submitted_ns: u64,
    /// The submission queue entry.
    pub sqe: Sqe,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The controller has not completed it.
    InFlight,
    /// The controller completed it.
    Completed {
        /// When the host saw the completion, CLOCK_MONOTONIC in ns.
        at_ns: u64,
        /// The completion queue entry.
        cqe: Cqe,
    },
    /// The host gave it up.
    Abandoned {
        /// When, CLOCK_MONOTONIC in ns.
        at_ns: u64,
        /// The completion that came after all, and when.
        late: Option<(u64, Cqe)>,
    },
}

impl Record {
    pub(super) fn new(token: Token, entry: Entry, site: Option<Arc<Site>>) -> Self {
        let outcome = match (entry.abandoned_ns, entry.completed) {
            (Some(at_ns), late) => Outcome::Abandoned { at_ns, late },
            (None, Some((at_ns, cqe))) => Outcome::Completed { at_ns, cqe },
            (None, None) => Outcome::InFlight,
        };
        Self {
            token,
            sqid: entry.origin.sqid,
            cqid: entry.origin.cqid,
            process: entry.origin.process,
            site,
            submitted_ns: entry.submitted_ns,
            sqe: entry.sqe,
            outcome,
        }
    }

    /// Whether the command was sent to the Admin Submission Queue (Base 3.3.1).
    pub fn is_admin(&self) -> bool {
        self.sqid == 0
    }

    /// The completion queue entry, in time or late.
    pub fn cqe(&self) -> Option<&Cqe> {
        match &self.outcome {
            Outcome::InFlight => None,
            Outcome::Completed { cqe, .. } => Some(cqe),
            Outcome::Abandoned { late, .. } => late.as_ref().map(|(_, cqe)| cqe),
        }
    }

    /// The status, if the controller gave one (Base 4.2.3).
    pub fn status(&self) -> Option<Status> {
        self.cqe().map(|cqe| cqe.status_field().status())
    }

    /// When the completion was seen, CLOCK_MONOTONIC in ns.
    pub fn completed_ns(&self) -> Option<u64> {
        match self.outcome {
            Outcome::InFlight => None,
            Outcome::Completed { at_ns, .. } => Some(at_ns),
            Outcome::Abandoned { late, .. } => late.map(|(at_ns, _)| at_ns),
        }
    }

    /// How long the controller took, in ns.
    pub fn latency_ns(&self) -> Option<u64> {
        self.completed_ns().map(|at_ns| at_ns.saturating_sub(self.submitted_ns))
    }

    /// Whether it ended in any other way than with Successful Completion.
    ///
    /// A command in flight has not failed; one that the host gave up has.
    pub fn has_failed(&self) -> bool {
        match self.outcome {
            Outcome::InFlight => false,
            Outcome::Completed { cqe, .. } => !cqe.status_field().status().is_success(),
            Outcome::Abandoned { .. } => true,
        }
    }
}
