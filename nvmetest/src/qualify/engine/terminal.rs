//! What a person sees of a run while it runs.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::time::Duration;
use std::time::Instant;

use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;

use super::job::Job;
use super::lane::Lane;
use super::lane::Phase;
use super::lane::Work;
use crate::results::Attempt;
use crate::results::Results;
use crate::runner::Verdict;
use crate::transport::DeviceUri;

/// How often progress is shown.
const EVERY: Duration = Duration::from_millis(200);

/// What a test is taken to last before any has run.
const GUESS: Duration = Duration::from_millis(50);

/// Standard error: progress if it is a terminal, and a line for each unexpected result.
pub(super) struct Terminal<'j> {
    job: &'j Job,
    bar: Option<ProgressBar>,
    shown: Option<Instant>,
    /// How many results there are of each verdict.
    verdicts: BTreeMap<Verdict, usize>,
    /// How many tests ran, and how long they took together.
    ran: (u32, Duration),
}

impl<'j> Terminal<'j> {
    pub(super) fn new(job: &'j Job) -> Self {
        let shows = io::stderr().is_terminal() && !job.quiet;
        let bar = shows.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:20.green} {pos}/{len} {wide_msg}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { job, bar, shown: None, verdicts: BTreeMap::new(), ran: (0, Duration::ZERO) }
    }

    /// What is planned stands in `results`, and what was done before.
    pub(super) fn begin(&mut self, results: &Results) {
        let Some(bar) = &self.bar else { return };
        bar.set_length(results.planned.len() as u64);
        for outcome in results.outcomes() {
            if outcome.verdict != Verdict::Missing {
                *self.verdicts.entry(outcome.verdict).or_default() += 1;
                bar.inc(1);
            }
        }
    }

    /// How long until it wants to show something again.
    pub(super) fn tick(&self) -> Option<Duration> {
        self.bar.is_some().then_some(Duration::from_secs(1))
    }

    /// Shows where the run is.
    pub(super) fn show(&mut self, lanes: &[Lane], queue: &VecDeque<Work>) {
        let Some(bar) = &self.bar else { return };
        if self.shown.is_some_and(|shown| shown.elapsed() < EVERY) {
            return;
        }
        self.shown = Some(Instant::now());
        let counts = self.verdicts.iter().map(|(verdict, count)| format!("{count} {verdict}"));
        let counts: Vec<String> = counts.collect();
        let running = lanes.iter().filter_map(|lane| self.running(lane));
        let running: Vec<String> = running.collect();
        let left = clock(self.left(lanes, queue));
        bar.set_message(format!("{} | {left} left | {}", counts.join(", "), running.join(" | ")));
    }

    /// Shows what became of a test.
    pub(super) fn result(&mut self, device: &DeviceUri, attempt: &Attempt, again: bool) {
        if attempt.attempt == 1 {
            *self.verdicts.entry(attempt.verdict).or_default() += 1;
            if let Some(bar) = &self.bar {
                bar.inc(1);
            }
        }
        self.ran = (self.ran.0 + 1, self.ran.1 + Duration::from_micros(attempt.took_us));
        if attempt.verdict.is_as_expected() && attempt.attempt == 1 {
            return;
        }
        let reason = attempt.message.lines().next().unwrap_or_default();
        let again = if again { " (it is run again)" } else { "" };
        let Attempt { verdict, test, .. } = attempt;
        let colon = if reason.is_empty() { "" } else { ": " };
        self.note(&format!("{verdict}: {test} on {device}{colon}{reason}{again}"));
    }

    pub(super) fn note(&self, sentence: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(sentence)),
            None if self.job.quiet => {}
            None => say(sentence),
        }
    }

    pub(super) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// What a device does.
    fn running(&self, lane: &Lane) -> Option<String> {
        let uri = &lane.uri;
        match &lane.phase {
            Phase::Running(running) => {
                let item = &self.job.plan.tests[running.work.item];
                Some(format!("{} on {uri}", item.name))
            }
            Phase::Opening => Some(format!("{uri} is opened")),
            Phase::Resetting(_) | Phase::Repairing => Some(format!("{uri} is made ready")),
            _ => None,
        }
    }

    /// How long the rest takes, as far as that can be told.
    fn left(&self, lanes: &[Lane], queue: &VecDeque<Work>) -> Duration {
        let average = if self.ran.0 == 0 { GUESS } else { self.ran.1 / self.ran.0 };
        // A run beside this one may be of few tests: what it does not know takes as long as what ran here.
        let takes = |work: &Work| {
            let name = &self.job.plan.tests[work.item].name;
            let known = self.job.durations.as_ref().and_then(|known| known.took_us(name));
            known.map_or(average, Duration::from_micros)
        };
        let own = lanes.iter().map(|lane| lane.queue.iter().map(takes).sum::<Duration>()).max();
        let alive = lanes.iter().filter(|lane| !lane.is_done()).count();
        let shared = queue.iter().map(takes).sum::<Duration>();
        own.unwrap_or_default() + shared / u32::try_from(alive.max(1)).unwrap_or(u32::MAX)
    }
}

fn say(sentence: &str) {
    // There is nowhere else to say it.
    let _ = writeln!(io::stderr(), "{sentence}");
}

fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}
