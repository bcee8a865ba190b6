//! What became of a test that came back.

use std::fs;
use std::path::Path;

use super::coordinator::Coordinator;
use super::done::wants_another;
use super::job::Job;
use super::lane::Running;
use super::lane::Work;
use crate::qualify::device::Ran;
use crate::results::Attempt;
use crate::results::Subject;
use crate::results::Waiver;
use crate::runner::Verdict;
use crate::runner::evidence;
use crate::runner::setup::SetupError;
use crate::runner::verdict::Finding;

impl Coordinator<'_> {
    /// A test came back.
    pub(super) fn ran(
        &mut self,
        index: usize,
        running: Running,
        ran: Ran,
    ) -> Result<(), SetupError> {
        let lane = &mut self.lanes[index];
        lane.last = Some(running.work.item);
        let printed = lane.process.as_mut().map(|process| process.take_printed());
        if self.interrupted.is_some() && ran.verdict.is_failure() {
            return self.cut(index, &running);
        }
        let Ran { verdict, message, took_us, evidence, measured, workers } = ran;
        let mut finding = Finding::new(verdict, message);
        let folder = match evidence {
            Ok(true) => Some(&running.evidence),
            Ok(false) => None,
            Err(error) => {
                finding.message += &format!("\nthe evidence could not be written: {error}");
                None
            }
        };
        if let Some(folder) = folder {
            leave_output(&self.job.out.join(folder), printed.as_deref().unwrap_or_default());
        }
        let lost = finding.verdict == Verdict::DutLost;
        let attempt = Attempt {
            took_us,
            evidence: folder.map(|folder| folder.display().to_string()),
            measured,
            workers,
            ..self.attempt(index, running.work, running.started_ms, finding)
        };
        if lost {
            self.killed(index, running.work.item, "the device was lost")?;
        }
        self.judged(index, running.work, attempt)
    }

    /// An attempt, as far as it follows from what was found.
    pub(super) fn attempt(
        &self,
        index: usize,
        work: Work,
        started_ms: u64,
        finding: Finding,
    ) -> Attempt {
        let lane = &self.lanes[index];
        let item = &self.job.plan.tests[work.item];
        let found = finding.verdict;
        let waiver = self.job.baseline.waiver(lane.dut(), &item.name);
        let rerun = evidence::rerun(&self.job.runner, &item.name, &lane.uri, self.job.verify);
        Attempt {
            device: lane.device,
            test: item.name.clone(),
            attempt: work.attempt,
            verdict: finding.verdict,
            found,
            message: finding.message,
            started_ms,
            took_us: 0,
            waiver,
            evidence: None,
            rerun: (found.is_failure() || !found.is_as_expected()).then_some(rerun),
            measured: Vec::new(),
            workers: Vec::new(),
        }
    }

    /// Writes an attempt, and has the test run again if that is to be.
    pub(super) fn judged(
        &mut self,
        index: usize,
        work: Work,
        mut attempt: Attempt,
    ) -> Result<(), SetupError> {
        let Job { profile, baseline, .. } = self.job;
        // A figure beyond its limit is found before anybody asks what is known.
        profile.judge(&mut attempt);
        let counts = |waiver: &Waiver| profile.honours(&attempt.test, waiver);
        if attempt.waiver.as_ref().is_some_and(counts) {
            let finding = Finding::new(attempt.verdict, std::mem::take(&mut attempt.message));
            let finding = baseline.judge(self.lanes[index].dut(), &attempt.test, finding);
            (attempt.verdict, attempt.message) = (finding.verdict, finding.message);
        }
        let again =
            self.interrupted.is_none() && wants_another(attempt.verdict, work.attempt, profile);
        let unexpected = again && profile.repeats <= work.attempt;
        self.terminal.result(&self.lanes[index].uri, &attempt, unexpected);
        self.record.write(attempt)?;
        if again {
            let next = Work { attempt: work.attempt + 1, ..work };
            self.lanes[index].queue.push_front(next);
        }
        Ok(())
    }

    /// A test was cut short: it has no verdict of its own.
    pub(super) fn cut(&mut self, index: usize, running: &Running) -> Result<(), SetupError> {
        let name = &self.job.plan.tests[running.work.item].name;
        let device = Some(self.lanes[index].device);
        // What it left is of a failure that nobody has seen.
        let _ = fs::remove_dir_all(self.job.out.join(&running.evidence));
        let text = format!("`{name}` was cut short; it has no verdict");
        self.record.note(Subject::Interrupted, device, Some(name), text)
    }
}

/// Keeps what a test printed beside the rest of its evidence, if it did.
pub(super) fn leave_output(folder: &Path, printed: &str) {
    if !printed.is_empty() {
        // Without it the evidence is poorer, and no less true.
        let _ = fs::write(folder.join("output.txt"), printed);
    }
}
