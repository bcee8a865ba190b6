//! How a run begins: the devices are opened, and what is planned is written.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::fs;
use std::time::Instant;

use super::coordinator::Coordinator;
use super::done::Done;
use super::drives::Drive;
use super::drives::are_alike;
use super::drives::are_the_same;
use super::job::Job;
use super::job::Pool;
use super::lane::Lane;
use super::lane::Phase;
use super::lane::Work;
use super::losses::last_words;
use super::record::Record;
use super::record::now_ms;
use super::signals::Signals;
use super::terminal::Terminal;
use super::wait::wait;
use crate::qualify::device::Answer;
use crate::qualify::device::Found;
use crate::qualify::device::Heard;
use crate::qualify::device::Request;
use crate::results::Begin;
use crate::results::Device;
use crate::results::Note;
use crate::results::Run;
use crate::results::SCHEMA;
use crate::results::Subject;
use crate::runner::attempt::AFTERWARDS;
use crate::runner::setup::SetupError;

impl<'j> Coordinator<'j> {
    /// Opens the devices, and begins the record when all are.
    pub(super) fn open(job: &'j Job, signals: &mut Signals) -> Result<Self, SetupError> {
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
            are_alike(&found(&lanes))?;
        }
        let record = match &job.earlier {
            None => Record::create(&job.out)?,
            Some(earlier) => {
                are_the_same(&found(&lanes), earlier)?;
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
    pub(super) fn begin(&mut self) -> Result<(), SetupError> {
        let job = self.job;
        let started_ms = now_ms();
        let earlier = job.earlier.as_ref();
        let id = earlier.and_then(|earlier| earlier.runs.first()).map(|run| run.id.clone());
        self.record.write(Run {
            schema: SCHEMA,
            id: id.unwrap_or_else(|| format!("{started_ms:x}-{:x}", std::process::id())),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            suite: job.plan.suite.clone(),
            profile: job.profile.name.clone(),
            mode: job.profile.mode,
            seed: job.seed,
            shard: job.plan.shard,
            host: host(),
            command: job.command.clone(),
            started_ms,
        })?;
        for lane in 0..self.lanes.len() {
            self.write_device(lane)?;
        }
        self.plan()?;
        self.count_what_took_the_run_down()?;
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
    pub(super) fn plan(&mut self) -> Result<(), SetupError> {
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
                let Some(attempt) = done.next(device, &item.name, &job.profile) else { continue };
                let work = Work { item: index, attempt };
                match device {
                    None => self.queue.push_back(work),
                    Some(device) => self.lanes[device as usize].queue.push_back(work),
                }
            }
        }
        Ok(())
    }

    /// What was begun and has no result, nor was cut short by anybody, ran when the machine or this program went down.
    fn count_what_took_the_run_down(&mut self) -> Result<(), SetupError> {
        let begun = self.record.results.begun.clone();
        if begun.is_empty() && !self.record.results.notes.iter().any(took_the_run_down) {
            return Ok(());
        }
        self.record.make_durable();
        for Begin { device, test, .. } in begun {
            if let Some(item) = self.job.plan.place(&test) {
                self.killed(device, item, TOOK_THE_RUN_DOWN)?;
            }
        }
        Ok(())
    }

    pub(super) fn anew(
        &mut self,
        index: usize,
        anew: Option<Box<Found>>,
    ) -> Result<(), SetupError> {
        let Some(found) = anew else { return Ok(()) };
        self.lanes[index].found = Some(*found);
        self.write_device(index)
    }

    pub(super) fn write_device(&mut self, index: usize) -> Result<(), SetupError> {
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
}

/// What is said of a test that ran when the run ended without a word.
const TOOK_THE_RUN_DOWN: &str =
    "the run ended without a word while it ran; it may have taken this machine down";

/// Whether a note says that of a test.
fn took_the_run_down(note: &Note) -> bool {
    note.about == Subject::Lost && note.text.ends_with(TOOK_THE_RUN_DOWN)
}

/// Which drives are behind the URIs.
fn found(lanes: &[Lane]) -> Vec<Drive<'_>> {
    lanes.iter().filter_map(|lane| Some((lane.device, &lane.uri, lane.found.as_ref()?))).collect()
}

/// Hears whether a device is open, for the first time.
pub(super) fn opened(lane: &mut Lane) -> Result<(), SetupError> {
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

/// The name of this machine.
pub(super) fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "unknown".to_owned(),
        name => name.to_owned(),
    }
}
