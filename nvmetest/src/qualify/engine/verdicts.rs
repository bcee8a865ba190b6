//! What became of a test that came back.

use std::fs;
use std::io;
use std::path::Path;

use super::coordinator::Coordinator;
use super::done::wants_another;
use super::job::Job;
use super::lane::Running;
use super::lane::Work;
use super::times;
use crate::cmdlog::CmdLog;
use crate::cmdlog::Dump;
use crate::cmdlog::Selection;
use crate::cmdlog::Token;
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
        let Ran { verdict, message, took_us, ended_ns, evidence, measured, workers } = ran;
        let log = lane.process.as_ref().map(|process| process.log().clone());
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
        let mut attempt = Attempt {
            took_us,
            evidence: folder.map(|folder| folder.display().to_string()),
            measured,
            workers,
            ..self.attempt(index, running.work, running.started_ms, finding)
        };
        if let Some(log) = log {
            self.judge_times(index, &mut attempt, &running, &log, ended_ns);
        }
        if lost {
            self.killed(self.lanes[index].device, running.work.item, "the device was lost")?;
        }
        self.judged(index, running.work, attempt)
    }

    /// Compares what an attempt measured, and how long its commands took, with what the profile allows. Where a command took too
    /// long, that is the evidence, unless there is other.
    pub(super) fn judge_times(
        &self,
        index: usize,
        attempt: &mut Attempt,
        running: &Running,
        log: &CmdLog,
        ended_ns: u64,
    ) {
        let timed = times::of(log, running.started_ns, ended_ns);
        attempt.commands = timed.iter().map(|it| it.times.clone()).collect();
        let Some(slow) = self.job.profile.judge(attempt) else { return };
        if attempt.evidence.is_some() {
            return;
        }
        let token = timed.iter().find(|it| it.times.slowest == slow).map(|it| it.slowest);
        let finding = Finding::new(attempt.verdict, attempt.message.clone());
        let uri = &self.lanes[index].uri;
        let rerun = evidence::rerun(&self.job.runner, &attempt.test, uri, self.job.verify);
        let folder = self.job.out.join(&running.evidence);
        let selection = Selection::all().since(running.started_ns).until(ended_ns);
        let dump = log.dump(&selection).failing(token.unwrap_or(Token::NONE));
        let left = evidence::leave(&folder, &attempt.test, uri, &finding, &rerun)
            .and_then(|()| leave_commands(&folder, &dump));
        match left {
            Ok(()) => attempt.evidence = Some(running.evidence.display().to_string()),
            Err(error) => {
                attempt.message += &format!("\nthe evidence could not be written: {error}");
            }
        }
        attempt.rerun = Some(rerun);
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
            commands: Vec::new(),
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
        let folder = self.job.out.join(&running.evidence);
        let _ = fs::remove_dir_all(&folder);
        // Above it are the folders of its test and of all evidence; what is not empty stays.
        for above in folder.ancestors().skip(1).take(2) {
            let _ = fs::remove_dir(above);
        }
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

/// Keeps the commands of a test beside the rest of its evidence.
pub(super) fn leave_commands(folder: &Path, dump: &Dump) -> io::Result<()> {
    fs::write(folder.join("cmdlog.txt"), dump.text().to_string())?;
    let file = fs::File::create(folder.join("cmdlog.jsonl"))?;
    dump.write_json_lines(io::BufWriter::new(file))
}
