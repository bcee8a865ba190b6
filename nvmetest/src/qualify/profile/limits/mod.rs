//! How far what is measured may go.

mod figure;
mod health;
mod latency;

pub use health::HEALTH;
pub use latency::PERCENTILES;

use self::figure::FigureLimit;
use self::health::HealthLimit;
use self::latency::LatencyLimit;
use super::Listed;
use super::breach::Breach;
use super::file;
use crate::document::Document;
use crate::document::Mistake;
use crate::results::Attempt;
use crate::results::Moment;
use crate::results::Results;
use crate::runner::Verdict;

/// The limits of a profile.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Limits {
    latency: Vec<LatencyLimit>,
    figures: Vec<FigureLimit>,
    health: Vec<HealthLimit>,
}

impl Limits {
    /// Reads what was written; `tests` are those that it may name, if it has to name tests that there are.
    pub(super) fn of(
        file: file::Limits,
        document: &Document,
        tests: Option<&[Listed]>,
    ) -> Result<Self, Mistake> {
        let mut limits = Self::default();
        for latency in file.latency {
            LatencyLimit::add(&mut limits.latency, latency, document)?;
        }
        for figure in file.figure {
            FigureLimit::add(&mut limits.figures, figure, document, tests)?;
        }
        for health in file.health {
            HealthLimit::add(&mut limits.health, health, document)?;
        }
        Ok(limits)
    }

    /// Compares what an attempt measured with what it may be. A pass with a figure beyond its limit becomes a failure.
    ///
    /// Returns the first command that took too long, if one of the command log did.
    pub(super) fn judge(&self, attempt: &mut Attempt) -> Option<String> {
        let mut slow = None;
        for limit in &self.latency {
            let command = limit.take_from_log(attempt);
            limit.take_from_workers(attempt);
            let mut sentences = limit.sentences(attempt);
            if let Some(slowest) = command {
                sentences
                    .iter_mut()
                    .for_each(|sentence| *sentence += &format!("; it was {slowest}"));
                slow = slow.or(Some(slowest));
            }
            find(attempt, sentences);
        }
        for limit in &self.figures {
            if !limit.is_about(&attempt.test) {
                continue;
            }
            limit.take_from_workers(attempt);
            let sentences = limit.sentences(attempt);
            find(attempt, sentences);
        }
        slow
    }

    /// Compares what the devices said of their health with what they may say, and names figures that nobody measured.
    pub(super) fn breaches(&self, results: &Results, breaches: &mut Vec<Breach>) {
        for &device in results.devices.keys() {
            let of = |when| {
                move |health: &&crate::results::Health| {
                    health.device == device && health.when == when
                }
            };
            let before = results.health.iter().find(of(Moment::Before));
            let after = results.health.iter().rev().find(of(Moment::After));
            for limit in &self.health {
                for what in limit.breaches(before, after) {
                    breaches.push(Breach { device: Some(device), test: None, what });
                }
            }
        }
        // What a part of the tests does not measure, another may.
        if results.runs.iter().any(|run| run.shard.is_some()) {
            return;
        }
        for limit in self.figures.iter().filter(|limit| !limit.is_measured(results)) {
            breaches.push(Breach { device: None, test: None, what: limit.not_measured() });
        }
    }
}

/// Adds to an attempt what is wrong with its figures.
fn find(attempt: &mut Attempt, sentences: Vec<String>) {
    for sentence in sentences {
        if !attempt.message.is_empty() {
            attempt.message.push('\n');
        }
        attempt.message.push_str(&sentence);
        if attempt.verdict == Verdict::Pass {
            attempt.verdict = Verdict::Fail;
            attempt.found = Verdict::Fail;
        }
    }
}

fn from(source: &Option<String>) -> String {
    source.as_ref().map(|source| format!(" ({source})")).unwrap_or_default()
}
