//! Has the devices run the tests, and writes what becomes of them.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;

use super::job::Job;
use super::job::Pool;
use super::lane::Lane;
use super::lane::Phase;
use super::lane::Running;
use super::lane::Work;
use super::lane::milliseconds;
use super::done::Done;
use super::record::Record;
use super::record::now_ms;
use super::signals::Signals;
use super::summary::Summary;
use super::terminal::Terminal;
use crate::cmdlog::Selection;
use crate::cmdlog::now_ns;
use crate::qualify::device::Answer;
use crate::qualify::device::Found;
use crate::qualify::device::Heard;
use crate::qualify::device::Ran;
use crate::qualify::device::Request;
use crate::qualify::device::RunTest;
use crate::results::Attempt;
use crate::results::Device;
use crate::results::End;
use crate::results::EndReason;
use crate::results::Health;
use crate::results::Mode;
use crate::results::Moment;
use crate::results::Results;
use crate::results::Run;
use crate::results::SCHEMA;
use crate::results::Subject;
use crate::runner::Verdict;
use crate::runner::attempt::AFTERWARDS;
use crate::runner::evidence;
use crate::runner::main::LOST;
use crate::runner::main::SETUP;
use crate::runner::main::UNEXPECTED;
use crate::runner::setup::SetupError;
use crate::runner::verdict::Finding;

/// The exit code of a run that was interrupted.
const INTERRUPTED: u8 = 130;

/// So often the cases of a function may kill a device before the rest of them is left out.
const KILLS: u32 = 3;

/// No test takes longer: a deadline is a point in time that the clock can tell.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// How long a test may take to end that was interrupted, beside the grace.
const INTERRUPTION: Duration = Duration::from_secs(5);

/// Does what `job` says. Returns the exit code.
pub(in crate::qualify) fn run_job(job: &Job) -> Result<ExitCode, SetupError> {
    let mut signals = Signals::take()
        .map_err(|error| SetupError::new(format!("signals cannot be waited for: {error}")))?;
    if job.earlier.is_none() {
        Record::check(&job.out)?;
    }
    let started = Instant::now();
    let mut coordinator = Coordinator::open(job, &mut signals)?;
    let done = coordinator.run(&mut signals);
    let code = match done {
        Ok(()) => coordinator.code(),
        // What runs is ended by dropping it; the record cannot take the news.
        Err(error) => {
            let _ = coordinator.end(EndReason::Failed, SETUP, started);
            return Err(error);
        }
    };
    coordinator.end(coordinator.reason(), code, started)?;
    coordinator.terminal.finish();
    let summary = Summary::of(job, &coordinator.record.results);
    // A reader that went away has seen enough.
    let _ = write!(io::stdout(), "{summary}");
    Ok(ExitCode::from(code))
}

/// Has the devices run the tests.
struct Coordinator<'j> {
    job: &'j Job,
    record: Record,
    lanes: Vec<Lane>,
    /// What any device may run.
    queue: VecDeque<Work>,
    /// How often the cases of each function killed a device.
    kills: HashMap<(&'static str, u32), u32>,
    /// The signal that interrupted the run.
    interrupted: Option<&'static str>,
    terminal: Terminal<'j>,
}

impl<'j> Coordinator<'j> {
    /// Opens the devices, and begins the record when all are.
    fn open(job: &'j Job, signals: &mut Signals) -> Result<Self, SetupError> {
        let mut lanes: Vec<Lane> = (0..)
            .zip(&job.devices)
            .map(|(index, uri)| Lane::new(index, uri.clone(), job))
            .collect();
        for lane in &mut lanes {
            lane.start().map_err(|error| {
                SetupError::new(format!("the process of {} does not start: {error}", lane.uri))
            })?;
        }
        while lanes.iter().any(|lane| matches!(lane.phase, Phase::Opening)) {
            wait(signals, &lanes, None);
            if let Some(signal) = signals.came() {
                return Err(SetupError::new(format!("{signal} came before the run began")));
            }
            for lane in &mut lanes {
                opened(lane)?;
            }
        }
        if job.pool == Pool::Shard {
            are_alike(&lanes)?;
        }
        let record = match &job.earlier {
            None => Record::create(&job.out)?,
            Some(earlier) => {
                are_the_same(&lanes, earlier)?;
                Record::append(&job.out, earlier.clone())?
            }
        };
        let terminal = Terminal::new(job);
        let mut coordinator = Self {
            job,
            record,
            lanes,
            queue: VecDeque::new(),
            kills: HashMap::new(),
            interrupted: None,
            terminal,
        };
        coordinator.begin()?;
        Ok(coordinator)
    }

    /// Writes what the run is, which devices there are, and what is planned.
    fn begin(&mut self) -> Result<(), SetupError> {
        let job = self.job;
        let started_ms = now_ms();
        let earlier = job.earlier.as_ref();
        let id = earlier.and_then(|earlier| earlier.runs.first()).map(|run| run.id.clone());
        self.record.write(Run {
            schema: SCHEMA,
            id: id.unwrap_or_else(|| format!("{started_ms:x}-{:x}", std::process::id())),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            suite: job.plan.suite.clone(),
            profile: job.profile.clone(),
            mode: job.mode,
            seed: job.seed,
            shard: None,
            host: host(),
            command: job.command.clone(),
            started_ms,
        })?;
        for lane in 0..self.lanes.len() {
            self.write_device(lane)?;
        }
        self.plan()?;
        self.terminal.begin(&self.record.results);
        if earlier.is_some() {
            let left = self.queue.len() + self.lanes.iter().map(|it| it.queue.len()).sum::<usize>();
            let text = format!("the run goes on, with {left} of what was planned");
            self.terminal.note(&text);
            self.record.note(Subject::Resumed, None, None, text)?;
            return (0..self.lanes.len()).try_for_each(|lane| self.next(lane));
        }
        for lane in &mut self.lanes {
            lane.ask(&Request::Health, Phase::Repairing, AFTERWARDS);
        }
        Ok(())
    }

    /// Writes what is planned, as far as it is not, and has it done, as far as it was not.
    fn plan(&mut self) -> Result<(), SetupError> {
        let job = self.job;
        let done = Done::of(&self.record.results);
        for note in &self.record.results.notes {
            let test = note.test.as_ref().filter(|_| note.about == Subject::Lost);
            let item = test.and_then(|test| job.plan.tests.iter().find(|it| it.name == *test));
            if let Some(item) = item {
                *self.kills.entry(item.place()).or_default() += 1;
            }
        }
        let devices = match job.pool {
            Pool::Shard => vec![None],
            Pool::Matrix => self.lanes.iter().map(|lane| Some(lane.device)).collect(),
        };
        for device in devices {
            for (index, item) in job.plan.tests.iter().enumerate() {
                if !done.is_planned(device, &item.name) {
                    self.record.write(item.planned(device))?;
                }
                let Some(attempt) = done.next(device, &item.name, job.mode) else { continue };
                let work = Work { item: index, attempt };
                match device {
                    None => self.queue.push_back(work),
                    Some(device) => self.lanes[device as usize].queue.push_back(work),
                }
            }
        }
        Ok(())
    }

    /// Runs everything.
    fn run(&mut self, signals: &mut Signals) -> Result<(), SetupError> {
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

    fn hear(&mut self, lane: usize) -> Option<Heard> {
        self.lanes[lane].process.as_mut()?.hear()
    }

    fn look_at_the_clock(&mut self, lane: usize) -> Result<(), SetupError> {
        let Lane { process: Some(process), until, .. } = &mut self.lanes[lane] else {
            return Ok(());
        };
        if Instant::now() < *until {
            return Ok(());
        }
        let how = process.end("it did not come back, and its process was killed");
        self.process_ended(lane, &how, Verdict::Timeout)
    }

    fn answer(&mut self, index: usize, answer: Answer) -> Result<(), SetupError> {
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
                self.start_test(index, work);
                Ok(())
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

    /// A test came back.
    fn ran(&mut self, index: usize, running: Running, ran: Ran) -> Result<(), SetupError> {
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
    fn attempt(&self, index: usize, work: Work, started_ms: u64, finding: Finding) -> Attempt {
        let lane = &self.lanes[index];
        let item = &self.job.plan.tests[work.item];
        let found = finding.verdict;
        let waiver = self.job.baseline.waiver(lane.dut(), &item.name);
        let finding = match self.job.mode {
            Mode::Ci => self.job.baseline.judge(lane.dut(), &item.name, finding),
            Mode::Certify => finding,
        };
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
            rerun: (found.is_failure() || !finding.verdict.is_as_expected()).then_some(rerun),
            measured: Vec::new(),
            workers: Vec::new(),
        }
    }

    /// Writes an attempt, and has the test run again if that is to be.
    fn judged(&mut self, index: usize, work: Work, attempt: Attempt) -> Result<(), SetupError> {
        let again = self.job.mode == Mode::Ci
            && work.attempt == 1
            && !attempt.verdict.is_as_expected()
            && self.interrupted.is_none();
        self.terminal.result(&self.lanes[index].uri, &attempt, again);
        self.record.write(attempt)?;
        if again {
            self.lanes[index].queue.push_front(Work { attempt: 2, ..work });
        }
        Ok(())
    }

    /// A process ended that was not told to.
    fn process_ended(
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
                let left = left.and_then(|()| {
                    fs::write(folder.join("cmdlog.txt"), dump.text().to_string())?;
                    let file = fs::File::create(folder.join("cmdlog.jsonl"))?;
                    dump.write_json_lines(io::BufWriter::new(file))
                });
                let folder = left.is_ok().then(|| running.evidence.display().to_string());
                let took_us = u64::try_from(running.started.elapsed().as_micros());
                let attempt = Attempt {
                    took_us: took_us.unwrap_or(u64::MAX),
                    evidence: folder,
                    ..self.attempt(index, running.work, running.started_ms, finding)
                };
                self.lanes[index].last = Some(running.work.item);
                self.killed(index, running.work.item, &format!("{verdict}: {how}"))?;
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
                    Some(item) => self.killed(index, item, &text)?,
                    None => self.record.note(Subject::Lost, Some(device), None, text)?,
                }
            }
        }
        self.restart(index)
    }

    /// Starts another process for a device, if there is something left to do.
    fn restart(&mut self, index: usize) -> Result<(), SetupError> {
        if self.interrupted.is_some() {
            return Ok(());
        }
        match self.lanes[index].start() {
            Ok(()) => Ok(()),
            Err(error) => self.lost_for_good(index, &format!("no process starts: {error}")),
        }
    }

    /// A test killed its device, or the process that drove it.
    fn killed(&mut self, index: usize, item: usize, how: &str) -> Result<(), SetupError> {
        let item = &self.job.plan.tests[item];
        let kills = self.kills.entry(item.place()).or_default();
        *kills += 1;
        let kills = *kills;
        let device = Some(self.lanes[index].device);
        let text = format!("in `{}`: {how}", item.name);
        self.record.note(Subject::Lost, device, Some(&item.name), text)?;
        if kills == KILLS {
            let name = item.test.function.name;
            let text = format!("`{name}` killed a device {KILLS} times, and is not run any more");
            self.record.note(Subject::Quarantined, None, Some(&item.name), text)?;
        }
        Ok(())
    }

    fn lost_for_good(&mut self, index: usize, why: &str) -> Result<(), SetupError> {
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

    /// A test was cut short: it has no verdict of its own.
    fn cut(&mut self, index: usize, running: &Running) -> Result<(), SetupError> {
        let name = &self.job.plan.tests[running.work.item].name;
        let device = Some(self.lanes[index].device);
        // What it left is of a failure that nobody has seen.
        let _ = fs::remove_dir_all(self.job.out.join(&running.evidence));
        let text = format!("`{name}` was cut short; it has no verdict");
        self.record.note(Subject::Interrupted, device, Some(name), text)
    }

    fn interrupt(&mut self, signal: &'static str) -> Result<(), SetupError> {
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
    fn next(&mut self, index: usize) -> Result<(), SetupError> {
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
            let ignored = item.test.function.ignore.filter(|_| !self.job.include_ignored);
            let kills = self.kills.get(&item.place()).copied().unwrap_or_default();
            let finding = if let Some(reason) = ignored {
                Finding::new(Verdict::Skipped, reason)
            } else if KILLS <= kills {
                if 1 < work.attempt {
                    continue;
                }
                let name = item.test.function.name;
                let text = format!("`{name}` is in quarantine: it killed a device {kills} times");
                Finding::new(Verdict::Blocked, text)
            } else if 1 < work.attempt {
                let request = Request::Reset(item.name.clone());
                lane.ask(&request, Phase::Resetting(work), 2 * AFTERWARDS);
                return Ok(());
            } else {
                self.start_test(index, work);
                return Ok(());
            };
            let attempt = self.attempt(index, work, now_ms(), finding);
            self.terminal.result(&self.lanes[index].uri, &attempt, false);
            self.record.write(attempt)?;
        }
    }

    fn start_test(&mut self, index: usize, work: Work) {
        let item = &self.job.plan.tests[work.item];
        let several = 1 < self.lanes.len();
        let lane = &mut self.lanes[index];
        let timeout = item.test.function.timeout.unwrap_or(self.job.timeout).min(LONGEST);
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
    }

    fn anew(&mut self, index: usize, anew: Option<Box<Found>>) -> Result<(), SetupError> {
        let Some(found) = anew else { return Ok(()) };
        self.lanes[index].found = Some(*found);
        self.write_device(index)
    }

    fn write_device(&mut self, index: usize) -> Result<(), SetupError> {
        let lane = &self.lanes[index];
        let Some(found) = lane.found.clone() else { return Ok(()) };
        let Found { model, serial, firmware, version, choices } = found;
        self.record.write(Device {
            device: lane.device,
            uri: lane.uri.to_string(),
            model,
            serial,
            firmware,
            version,
            choices,
            opened_ms: now_ms(),
        })
    }

    fn health(
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

    fn code(&self) -> u8 {
        let outcomes = self.record.results.outcomes();
        if self.interrupted.is_some() {
            INTERRUPTED
        } else if self.lanes.iter().any(|lane| lane.lost.is_some()) {
            LOST
        } else if outcomes.iter().all(|outcome| outcome.verdict.is_as_expected()) {
            0
        } else {
            UNEXPECTED
        }
    }

    fn reason(&self) -> EndReason {
        if self.interrupted.is_some() {
            EndReason::Interrupted
        } else if self.lanes.iter().all(|lane| lane.lost.is_some()) {
            EndReason::Lost
        } else {
            EndReason::Complete
        }
    }

    fn end(&mut self, reason: EndReason, exit: u8, started: Instant) -> Result<(), SetupError> {
        let took_ms = milliseconds(started.elapsed());
        self.record.write(End { reason, exit, took_ms })
    }
}

/// Hears whether a device is open, for the first time.
fn opened(lane: &mut Lane) -> Result<(), SetupError> {
    let Some(process) = &mut lane.process else { return Ok(()) };
    match process.hear() {
        None if Instant::now() < lane.until => Ok(()),
        None => Err(SetupError::new(format!("{} cannot be opened: it takes too long", lane.uri))),
        Some(Heard::Answer(Answer::Opened(found))) => {
            lane.found = Some(*found);
            lane.phase = Phase::Idle;
            Ok(())
        }
        Some(Heard::Answer(Answer::NotOpened(why))) => Err(SetupError::new(why)),
        Some(Heard::Answer(answer)) => {
            Err(SetupError::new(format!("{} cannot be opened: it says {answer:?}", lane.uri)))
        }
        Some(Heard::Ended(how)) => {
            let said = process.take_printed();
            let said = last_words(&said).map_or(String::new(), |words| format!(": {words}"));
            Err(SetupError::new(format!("{} cannot be opened: {how}{said}", lane.uri)))
        }
    }
}

/// Refuses devices that are not alike to share one list of tests.
fn are_alike(lanes: &[Lane]) -> Result<(), SetupError> {
    let who = |lane: &Lane| lane.found.as_ref().map(|it| (it.model.clone(), it.firmware.clone()));
    let Some(first) = lanes.first() else { return Ok(()) };
    let Some(other) = lanes.iter().find(|lane| who(lane) != who(first)) else { return Ok(()) };
    let name = |lane: &Lane| {
        let (model, firmware) = who(lane).unwrap_or_default();
        format!("{} is {model} with firmware {firmware}", lane.uri)
    };
    Err(SetupError::new(format!(
        "{}, and {}: only identical drives share the tests; use `--pool matrix`",
        name(first),
        name(other)
    )))
}

/// Refuses other devices than those of the run that goes on.
fn are_the_same(lanes: &[Lane], earlier: &Results) -> Result<(), SetupError> {
    for Lane { device, uri, found, .. } in lanes {
        let (Some(then), Some(now)) = (earlier.devices.get(device), found) else { continue };
        let same = (&then.model, &then.serial, &then.firmware)
            == (&now.model, &now.serial, &now.firmware);
        if !same {
            return Err(SetupError::new(format!(
                "{uri} is {} (serial {}, firmware {}) now, and was {} (serial {}, firmware {}) when the run began; begin another run",
                now.model, now.serial, now.firmware, then.model, then.serial, then.firmware
            )));
        }
    }
    Ok(())
}

/// Waits until there is something to hear, a deadline passes, or `tick` is over.
fn wait(signals: &Signals, lanes: &[Lane], tick: Option<Duration>) {
    let busy = || lanes.iter().filter(|lane| !lane.is_done());
    let processes = || busy().filter_map(|lane| lane.process.as_ref());
    let descriptors = processes().flat_map(|process| process.descriptors());
    let mut all: Vec<PollFd<'_>> = std::iter::once(signals.as_fd())
        .chain(descriptors)
        .map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN))
        .collect();
    let now = Instant::now();
    let left = busy().map(|lane| lane.until.saturating_duration_since(now)).chain(tick).min();
    // Rounded up, for it would be too early otherwise.
    let left = left.map_or(0, |left| left.as_millis().saturating_add(1));
    let left = PollTimeout::try_from(i32::try_from(left).unwrap_or(i32::MAX));
    match poll(&mut all, left.unwrap_or(PollTimeout::MAX)) {
        Ok(_) | Err(Errno::EINTR) => {}
        // Without poll nothing can be waited for; the deadlines still hold.
        Err(_) => std::thread::sleep(Duration::from_millis(1)),
    }
}

/// The folder for the evidence of an attempt, below that of the run.
fn evidence_folder(test: &str, device: Option<u32>, attempt: u32) -> PathBuf {
    let mut name = evidence::plain(&test.replace("::", "."));
    if let Some(device) = device {
        name += &format!("@{device}");
    }
    Path::new("evidence").join(name).join(format!("attempt-{attempt}"))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Keeps what a test printed beside the rest of its evidence, if it did.
fn leave_output(folder: &Path, printed: &str) {
    if !printed.is_empty() {
        // Without it the evidence is poorer, and no less true.
        let _ = fs::write(folder.join("output.txt"), printed);
    }
}

/// The last lines of what was printed.
fn last_words(printed: &str) -> Option<String> {
    let lines: Vec<&str> = printed.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(3)..];
    (!last.is_empty()).then(|| last.join(" | "))
}

/// The name of this machine.
fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "unknown".to_owned(),
        name => name.to_owned(),
    }
}
