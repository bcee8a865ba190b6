//! How a run ends, and what is known then.

use std::time::Instant;

use super::coordinator::Coordinator;
use super::lane::milliseconds;
use crate::results::End;
use crate::results::EndReason;
use crate::results::Health;
use crate::results::Moment;
use crate::results::Subject;
use crate::runner::main::LOST;
use crate::runner::main::UNEXPECTED;
use crate::runner::setup::SetupError;

/// The exit code of a run that was interrupted.
pub(in crate::qualify) const INTERRUPTED: u8 = 130;

impl Coordinator<'_> {
    pub(super) fn health(
        &mut self,
        index: usize,
        when: Moment,
        health: Result<std::collections::BTreeMap<String, u64>, String>,
    ) -> Result<(), SetupError> {
        let device = self.lanes[index].device;
        match health {
            Ok(values) => self.record.write(Health { device, when, values }),
            Err(error) => {
                let text = format!("{} does not say how it is: {error}", self.lanes[index].uri);
                self.record.note(Subject::Other, Some(device), None, text)
            }
        }
    }

    /// Notes what the profile asks for and the run does not have. Returns how much that is.
    pub(super) fn breaches(&mut self) -> Result<usize, SetupError> {
        if self.interrupted.is_some() {
            return Ok(0);
        }
        let breaches = self.job.profile.breaches(&self.record.results);
        for breach in &breaches {
            let text = format!("profile {}: {breach}", self.job.profile.name);
            self.terminal.note(&text);
            self.record.note(Subject::Other, breach.device, breach.test.as_deref(), text)?;
        }
        Ok(breaches.len())
    }

    pub(super) fn code(&self, breaches: usize) -> u8 {
        let outcomes = self.record.results.outcomes();
        if self.interrupted.is_some() {
            INTERRUPTED
        } else if self.lanes.iter().any(|lane| lane.lost.is_some()) {
            LOST
        } else if breaches == 0 && outcomes.iter().all(|it| it.verdict.is_as_expected()) {
            0
        } else {
            UNEXPECTED
        }
    }

    pub(super) fn reason(&self) -> EndReason {
        if self.interrupted.is_some() {
            EndReason::Interrupted
        } else if self.lanes.iter().all(|lane| lane.lost.is_some()) {
            EndReason::Lost
        } else {
            EndReason::Complete
        }
    }

    pub(super) fn end(
        &mut self,
        reason: EndReason,
        exit: u8,
        started: Instant,
    ) -> Result<(), SetupError> {
        let took_ms = milliseconds(started.elapsed());
        self.record.write(End { reason, exit, took_ms })
    }
}
