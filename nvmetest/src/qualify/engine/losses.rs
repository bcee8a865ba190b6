//! What becomes of tests and devices that are lost.

use super::coordinator::Coordinator;
use super::job::Pool;
use super::lane::Phase;
use super::lane::Work;
use super::verdicts::leave_commands;
use super::verdicts::leave_output;
use crate::cmdlog::Selection;
use crate::cmdlog::now_ns;
use crate::results::Attempt;
use crate::results::Subject;
use crate::runner::Verdict;
use crate::runner::evidence;
use crate::runner::setup::SetupError;
use crate::runner::verdict::Finding;

/// So often the cases of a function may kill a device before the rest of them is left out.
pub(super) const KILLS: u32 = 3;

impl Coordinator<'_> {
    /// A process ended that was not told to.
    pub(super) fn process_ended(
        &mut self,
        index: usize,
        how: &str,
        verdict: Verdict,
    ) -> Result<(), SetupError> {
        let lane = &mut self.lanes[index];
        let Some(mut process) = lane.process.take() else { return Ok(()) };
        // Whatever is left of it: a device is opened by one process at a time.
        process.end("it is over");
        let phase = std::mem::replace(&mut lane.phase, Phase::Done);
        let (device, uri) = (lane.device, lane.uri.to_string());
        match phase {
            Phase::Running(running) if self.interrupted.is_some() => self.cut(index, &running)?,
            Phase::Running(running) => {
                let printed = process.take_printed();
                let log = process.log().clone();
                drop(process);
                let mut message = how.to_owned();
                if let Some(words) = last_words(&printed) {
                    message += &format!(", and the last that it said was: {words}");
                }
                let item = &self.job.plan.tests[running.work.item];
                if let Some(clause) = item.test.function.spec {
                    message += &format!("\nclause: {clause}");
                }
                let finding = Finding::new(verdict, message);
                let folder = self.job.out.join(&running.evidence);
                let uri = &self.lanes[index].uri;
                let rerun = evidence::rerun(&self.job.runner, &item.name, uri, self.job.verify);
                let left = evidence::leave(&folder, &item.name, uri, &finding, &rerun);
                leave_output(&folder, &printed);
                let dump = log.dump(&Selection::all().since(running.started_ns));
                let left = left.and_then(|()| leave_commands(&folder, &dump));
                let folder = left.is_ok().then(|| running.evidence.display().to_string());
                let took_us = u64::try_from(running.started.elapsed().as_micros());
                let mut attempt = Attempt {
                    took_us: took_us.unwrap_or(u64::MAX),
                    evidence: folder,
                    ..self.attempt(index, running.work, running.started_ms, finding)
                };
                self.judge_times(index, &mut attempt, &running, &log, now_ns());
                self.lanes[index].last = Some(running.work.item);
                self.killed(device, running.work.item, &format!("{verdict}: {how}"))?;
                self.judged(index, running.work, attempt)?;
            }
            Phase::Done | Phase::Closing => {
                let text = format!("{uri} could not be shut down: {how}");
                return self.record.note(Subject::Other, Some(device), None, text);
            }
            Phase::Opening => return self.lost_for_good(index, how),
            Phase::LastHealth => {
                let text = format!("{uri} did not say how it is in the end: {how}");
                return self.record.note(Subject::Lost, Some(device), None, text);
            }
            Phase::Resetting(work) => {
                let text = format!("{uri} was lost while it was reset: {how}");
                self.record.note(Subject::Lost, Some(device), None, text)?;
                self.lanes[index].queue.push_front(work);
            }
            Phase::Idle | Phase::Repairing => {
                let text = format!("{uri} was lost between two tests: {how}");
                match self.lanes[index].last {
                    // What it left behind was too much for the repair.
                    Some(item) => self.killed(device, item, &text)?,
                    None => self.record.note(Subject::Lost, Some(device), None, text)?,
                }
            }
        }
        self.restart(index)
    }

    /// Starts another process for a device, if there is something left to do.
    pub(super) fn restart(&mut self, index: usize) -> Result<(), SetupError> {
        if self.interrupted.is_some() {
            return Ok(());
        }
        match self.lanes[index].start() {
            Ok(()) => Ok(()),
            Err(error) => self.lost_for_good(index, &format!("no process starts: {error}")),
        }
    }

    /// A test killed its device, or the process that drove it.
    pub(super) fn killed(&mut self, device: u32, item: usize, how: &str) -> Result<(), SetupError> {
        let item = &self.job.plan.tests[item];
        let kills = self.kills.entry(item.place()).or_default();
        *kills += 1;
        let kills = *kills;
        let text = format!("in `{}`: {how}", item.name);
        self.record.note(Subject::Lost, Some(device), Some(&item.name), text)?;
        if kills == KILLS {
            let name = item.test.function.name;
            let text = format!("`{name}` killed a device {KILLS} times, and is not run any more");
            self.record.note(Subject::Quarantined, None, Some(&item.name), text)?;
        }
        Ok(())
    }

    pub(super) fn lost_for_good(&mut self, index: usize, why: &str) -> Result<(), SetupError> {
        let lane = &mut self.lanes[index];
        lane.phase = Phase::Done;
        lane.lost = Some(why.to_owned());
        let left: Vec<Work> = lane.queue.drain(..).collect();
        let device = lane.device;
        let text = format!("{} is lost for good: {why}", lane.uri);
        self.terminal.note(&text);
        self.record.note(Subject::Lost, Some(device), None, text)?;
        if self.job.pool == Pool::Shard && self.lanes.iter().any(|lane| !lane.is_done()) {
            self.queue.extend(left);
        }
        Ok(())
    }
}

/// The last lines of what was printed.
pub(super) fn last_words(printed: &str) -> Option<String> {
    let lines: Vec<&str> = printed.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(3)..];
    (!last.is_empty()).then(|| last.join(" | "))
}
