//! What the page is made from: the results, and what they come to.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::Path;

use super::mark;
use crate::results::Attempt;
use crate::results::Device;
use crate::results::End;
use crate::results::EndReason;
use crate::results::Mode;
use crate::results::Outcome;
use crate::results::Results;
use crate::results::Run;
use crate::runner::Verdict;

/// What all parts of the page are made from.
pub(super) struct View<'r> {
    pub(super) results: &'r Results,
    /// Where the evidence is.
    pub(super) folder: &'r Path,
    pub(super) tests: Vec<Tested<'r>>,
    /// What of the size of the page is left for evidence and plots, in bytes.
    left: Cell<usize>,
}

/// A test, and what became of it.
pub(super) struct Tested<'r> {
    /// Its place in the plan.
    number: usize,
    pub(super) outcome: Outcome<'r>,
}

/// What evidence, messages and plots may take of the page, all together.
const EXCERPTS: usize = 5 << 19;

impl<'r> View<'r> {
    pub(super) fn new(results: &'r Results, folder: &'r Path) -> Self {
        let outcomes = results.outcomes().into_iter().enumerate();
        let tests = outcomes.map(|(number, outcome)| Tested { number, outcome }).collect();
        Self { results, folder, tests, left: Cell::new(EXCERPTS) }
    }

    pub(super) fn run(&self) -> Option<&'r Run> {
        self.results.runs.first()
    }

    pub(super) fn device(&self, outcome: &Outcome<'_>) -> Option<&'r Device> {
        outcome.device.and_then(|device| self.results.devices.get(&device))
    }

    /// Returns whether each test was run once, and no waiver counts.
    pub(super) fn certifies(&self) -> bool {
        self.run().is_some_and(|run| run.mode == Mode::Certify)
    }

    /// Returns whether an outcome makes the run end badly.
    pub(super) fn is_unexpected(&self, verdict: Verdict) -> bool {
        let clean = matches!(verdict, Verdict::Pass | Verdict::NotApplicable | Verdict::Skipped);
        !verdict.is_as_expected() || (self.certifies() && !clean)
    }

    /// Returns the tests that make the run end badly.
    pub(super) fn unexpected(&self) -> impl Iterator<Item = &Tested<'r>> {
        self.tests.iter().filter(|it| self.is_unexpected(it.outcome.verdict))
    }

    /// Returns how often there is each verdict, the worst first.
    pub(super) fn tally(&self) -> Vec<(Verdict, usize)> {
        let count = |verdict| self.tests.iter().filter(|it| it.outcome.verdict == verdict).count();
        let all = mark::WORST_FIRST.into_iter().map(|verdict| (verdict, count(verdict)));
        all.filter(|(_, count)| *count != 0).collect()
    }

    /// Returns how many parts the run has that end each by itself: its shards, or one.
    fn parts(&self) -> usize {
        let shards = self.results.runs.iter().filter_map(|run| run.shard.map(|it| it.index));
        shards.collect::<BTreeSet<_>>().len().max(1)
    }

    /// Returns the ends that count: of a run that was resumed the last, of shards that were merged one each.
    pub(super) fn ends(&self) -> &'r [End] {
        let ends = &self.results.ends;
        &ends[ends.len().saturating_sub(self.parts())..]
    }

    /// Returns why the run is not complete, if it is not.
    pub(super) fn incomplete(&self) -> Option<&'static str> {
        let worst = self.ends().iter().map(|end| end.reason).max_by_key(|reason| *reason as u8);
        let Some(worst) = worst else {
            return Some("it has no end: it was killed, still goes on, or lacks a part");
        };
        if self.ends().len() < self.parts() {
            return Some("one of its shards was killed, or still goes on: it has no end");
        }
        match worst {
            EndReason::Complete if self.tests.iter().any(Tested::is_missing) => {
                Some("some tests reported nothing")
            }
            EndReason::Complete => None,
            EndReason::Interrupted => Some("the user interrupted it"),
            EndReason::Lost => Some("no device was left to run it on"),
            EndReason::Failed => Some("it failed itself"),
        }
    }

    /// Takes `size` bytes of what is left for excerpts, or says that there is not so much.
    pub(super) fn take(&self, size: usize) -> bool {
        let left = self.left.get().checked_sub(size);
        left.inspect(|&left| self.left.set(left)).is_some()
    }

    /// Returns whether anything is left for excerpts.
    pub(super) fn has_room(&self) -> bool {
        4096 < self.left.get()
    }
}

impl Tested<'_> {
    pub(super) fn is_missing(&self) -> bool {
        self.outcome.verdict == Verdict::Missing
    }

    /// Returns its anchor among the findings.
    pub(super) fn anchor(&self) -> String {
        format!("t{}", self.number)
    }

    /// Returns whether it is told among the findings, each by itself.
    pub(super) fn is_told(&self) -> bool {
        let quiet = [Verdict::Pass, Verdict::NotApplicable, Verdict::Skipped, Verdict::Missing];
        !quiet.contains(&self.outcome.verdict)
    }
}

/// Returns the attempt that tells most of an outcome: the worst, and of those the last.
pub(super) fn telling<'r>(outcome: &Outcome<'r>) -> Option<&'r Attempt> {
    outcome.attempts.iter().rev().min_by_key(|attempt| mark::rank(attempt.verdict)).copied()
}

/// Returns how long all attempts took, in microseconds.
pub(super) fn took_us(outcome: &Outcome<'_>) -> u64 {
    outcome.attempts.iter().fold(0, |sum: u64, attempt| sum.saturating_add(attempt.took_us))
}
