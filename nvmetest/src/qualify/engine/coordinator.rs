//! Has the devices run the tests: what each is asked for, and what follows from what it says.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use super::job::Job;
use super::lane::Lane;
use super::lane::Phase;
use super::lane::Running;
use super::lane::Work;
use super::lane::milliseconds;
use super::losses::KILLS;
use super::record::Record;
use super::record::now_ms;
use super::signals::Signals;
use super::summary::Summary;
use super::terminal::Terminal;
use super::wait::wait;
use crate::cmdlog::now_ns;
use crate::qualify::device::Answer;
use crate::qualify::device::Heard;
use crate::qualify::device::Request;
use crate::qualify::device::RunTest;
use crate::report;
use crate::results::EndReason;
use crate::results::Moment;
use crate::results::Results;
use crate::results::Subject;
use crate::runner::Verdict;
use crate::runner::attempt::AFTERWARDS;
use crate::runner::evidence;
use crate::runner::main::SETUP;
use crate::runner::setup::SetupError;
use crate::runner::verdict::Finding;

/// No test takes longer: a deadline is a point in time that the clock can tell.
pub(super) const LONGEST: Duration = Duration::from_hours(24 * 365);

/// How long a test may take to end that was interrupted, beside the grace.
const INTERRUPTION: Duration = Duration::from_secs(5);

/// Does what `job` says. Returns the exit code.
pub(in crate::qualify) fn run_job(job: &Job) -> Result<ExitCode, SetupError> {
    let (code, results) = results_of(job)?;
    let summary = Summary::of(job, &results);
    // A reader that went away has seen enough.
    let _ = write!(io::stdout(), "{summary}");
    let made = report::write(&job.out)?;
    if let Some(page) = made.first() {
        let _ = writeln!(io::stdout(), "report: {}", page.display());
    }
    Ok(ExitCode::from(code))
}

/// Does what `job` says. Returns the exit code and the results, which are written.
pub(in crate::qualify) fn results_of(job: &Job) -> Result<(u8, Results), SetupError> {
    let mut signals = Signals::take()
        .map_err(|error| SetupError::new(format!("signals cannot be waited for: {error}")))?;
    if job.earlier.is_none() {
        Record::check(&job.out)?;
    }
    let started = Instant::now();
    let mut coordinator = Coordinator::open(job, &mut signals)?;
    let done = coordinator.run(&mut signals);
    let code = match done.and_then(|()| coordinator.breaches()) {
        Ok(breaches) => coordinator.code(breaches),
        // What runs is ended by dropping it; the record cannot take the news.
        Err(error) => {
            let _ = coordinator.end(EndReason::Failed, SETUP, started);
            return Err(error);
        }
    };
    coordinator.end(coordinator.reason(), code, started)?;
    coordinator.terminal.finish();
    Ok((code, coordinator.record.results))
}

/// Has the devices run the tests.
pub(super) struct Coordinator<'j> {
    pub(super) job: &'j Job,
    pub(super) record: Record,
    pub(super) lanes: Vec<Lane>,
    /// What any device may run.
    pub(super) queue: VecDeque<Work>,
    /// How often the cases of each function killed a device.
    pub(super) kills: HashMap<(&'static str, u32), u32>,
    /// The signal that interrupted the run.
    pub(super) interrupted: Option<&'static str>,
    pub(super) terminal: Terminal<'j>,
}

impl Coordinator<'_> {
    /// Runs everything.
    pub(super) fn run(&mut self, signals: &mut Signals) -> Result<(), SetupError> {
        while self.lanes.iter().any(|lane| !lane.is_done()) {
            wait(signals, &self.lanes, self.terminal.tick());
            if let Some(signal) = signals.came() {
                self.interrupt(signal)?;
            }
            for lane in 0..self.lanes.len() {
                while let Some(heard) = self.hear(lane) {
                    match heard {
                        Heard::Answer(answer) => self.answer(lane, answer)?,
                        Heard::Ended(how) => self.process_ended(lane, &how, Verdict::Crash)?,
                    }
                }
                self.look_at_the_clock(lane)?;
            }
            self.terminal.show(&self.lanes, &self.queue);
        }
        Ok(())
    }

    pub(super) fn hear(&mut self, lane: usize) -> Option<Heard> {
        self.lanes[lane].process.as_mut()?.hear()
    }

    pub(super) fn look_at_the_clock(&mut self, lane: usize) -> Result<(), SetupError> {
        let Lane { process: Some(process), until, .. } = &mut self.lanes[lane] else {
            return Ok(());
        };
        if Instant::now() < *until {
            return Ok(());
        }
        let how = process.end("it did not come back, and its process was killed");
        self.process_ended(lane, &how, Verdict::Timeout)
    }

    pub(super) fn answer(&mut self, index: usize, answer: Answer) -> Result<(), SetupError> {
        let lane = &mut self.lanes[index];
        match (answer, &mut lane.phase) {
            (Answer::Opened(found), Phase::Opening) => {
                lane.found = Some(*found);
                lane.phase = Phase::Idle;
                self.write_device(index)?;
                let (device, uri) = (self.lanes[index].device, self.lanes[index].uri.to_string());
                let text = format!("{uri} is there again");
                self.record.note(Subject::Recovered, Some(device), None, text)?;
                self.next(index)
            }
            (Answer::NotOpened(why), Phase::Opening) => {
                lane.process = None;
                self.lost_for_good(index, &why)
            }
            (Answer::Ran(ran), Phase::Running(_)) => {
                let Phase::Running(running) = std::mem::replace(&mut lane.phase, Phase::Repairing)
                else {
                    return Ok(());
                };
                lane.until = Instant::now() + 2 * AFTERWARDS + 2 * self.job.grace.min(LONGEST);
                self.ran(index, running, *ran)
            }
            (Answer::Ready { lost: Some(why), .. }, _) => {
                lane.process = None;
                self.lost_for_good(index, &why)
            }
            (Answer::Ready { anew, .. }, Phase::Resetting(work)) => {
                let work = *work;
                self.anew(index, anew)?;
                if self.interrupted.is_some() {
                    return self.next(index);
                }
                self.start_test(index, work)
            }
            (Answer::Ready { anew, .. }, Phase::Repairing) => {
                self.anew(index, anew)?;
                self.next(index)
            }
            (Answer::Health(health), Phase::Repairing) => {
                self.health(index, Moment::Before, health)?;
                self.next(index)
            }
            // Another device was lost meanwhile, and left its part.
            (Answer::Health(_), Phase::LastHealth) if !self.queue.is_empty() => self.next(index),
            (Answer::Health(health), Phase::LastHealth) => {
                lane.ask(&Request::Close, Phase::Closing, AFTERWARDS);
                self.health(index, Moment::After, health)
            }
            (Answer::Closed(failed), Phase::Closing) => {
                lane.process = None;
                lane.phase = Phase::Done;
                let (device, uri) = (lane.device, lane.uri.to_string());
                let Some(error) = failed else { return Ok(()) };
                let text = format!("the controller of {uri} could not be shut down: {error}");
                self.record.note(Subject::Other, Some(device), None, text)
            }
            (Answer::Overran(what), _) => {
                let how = format!("{what} did not come back; its process was ended");
                self.process_ended(index, &how, Verdict::Timeout)
            }
            (answer, _) => {
                let how = format!("its process says something that nobody asked for ({answer:?})");
                self.process_ended(index, &how, Verdict::Crash)
            }
        }
    }

    pub(super) fn interrupt(&mut self, signal: &'static str) -> Result<(), SetupError> {
        if self.interrupted.replace(signal).is_some() {
            return Ok(());
        }
        let text = format!("{signal}: the run is ended in order; once more ends it at once");
        self.terminal.note(&text);
        self.record.note(Subject::Interrupted, None, None, format!("{signal} came"))?;
        self.queue.clear();
        for lane in &mut self.lanes {
            lane.queue.clear();
            match &lane.phase {
                Phase::Running(_) => {
                    if let Some(process) = &mut lane.process {
                        let _ = process.send(&Request::Interrupt);
                    }
                    let soon = Instant::now() + INTERRUPTION + self.job.grace.min(AFTERWARDS);
                    lane.until = lane.until.min(soon);
                }
                Phase::Opening => {
                    lane.process = None;
                    lane.phase = Phase::Done;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Has a device do what is next.
    pub(super) fn next(&mut self, index: usize) -> Result<(), SetupError> {
        loop {
            let lane = &mut self.lanes[index];
            if self.interrupted.is_some() {
                lane.queue.clear();
            }
            let Some(work) = lane.queue.pop_front().or_else(|| self.queue.pop_front()) else {
                lane.ask(&Request::Health, Phase::LastHealth, AFTERWARDS);
                return Ok(());
            };
            let item = &self.job.plan.tests[work.item];
            let kills = self.kills.get(&item.place()).copied().unwrap_or_default();
            let finding = if let Some(reason) = &item.ignored {
                Finding::new(Verdict::Skipped, &**reason)
            } else if KILLS <= kills {
                if 1 < work.attempt {
                    continue;
                }
                let name = item.test.function.name;
                let text = format!("`{name}` is in quarantine: it killed a device {kills} times");
                Finding::new(Verdict::Blocked, text)
            } else if self.job.profile.repeats < work.attempt {
                let request = Request::Reset(item.name.clone());
                lane.ask(&request, Phase::Resetting(work), 2 * AFTERWARDS);
                return Ok(());
            } else {
                return self.start_test(index, work);
            };
            let attempt = self.attempt(index, work, now_ms(), finding);
            self.judged(index, work, attempt)?;
        }
    }

    pub(super) fn start_test(&mut self, index: usize, work: Work) -> Result<(), SetupError> {
        let item = &self.job.plan.tests[work.item];
        self.record.begin(self.lanes[index].device, &item.name, work.attempt)?;
        let several = 1 < self.lanes.len();
        let lane = &mut self.lanes[index];
        let own = item.test.function.timeout;
        let timeout = match self.job.timeout {
            Some(timeout) => own.unwrap_or(timeout),
            None => self.job.profile.timeout(own),
        };
        let timeout = timeout.min(LONGEST);
        let folder = evidence_folder(&item.name, several.then_some(lane.device), work.attempt);
        let request = Request::Run(RunTest {
            test: item.name.clone(),
            timeout_ms: milliseconds(timeout),
            evidence: absolute(&self.job.out.join(&folder)),
        });
        if let Some(process) = &mut lane.process {
            // What was printed before is of another test.
            drop(process.take_printed());
        }
        let running = Running {
            work,
            started: Instant::now(),
            started_ms: now_ms(),
            started_ns: now_ns(),
            evidence: folder,
        };
        lane.ask(&request, Phase::Running(running), timeout);
        Ok(())
    }
}

/// The folder for the evidence of an attempt, below that of the run.
pub(super) fn evidence_folder(test: &str, device: Option<u32>, attempt: u32) -> PathBuf {
    let mut name = evidence::plain(&test.replace("::", "."));
    if let Some(device) = device {
        name += &format!("@{device}");
    }
    Path::new("evidence").join(name).join(format!("attempt-{attempt}"))
}

pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
