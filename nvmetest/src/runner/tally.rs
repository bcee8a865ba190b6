//! The verdicts so far.

use std::collections::BTreeMap;
use std::fmt;

use super::verdict::Verdict;

/// How many tests have which verdict.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    planned: usize,
    verdicts: BTreeMap<Verdict, usize>,
}

impl Tally {
    /// Says how many verdicts there are going to be.
    pub(crate) fn expect(&mut self, planned: usize) {
        self.planned = planned;
    }

    pub(crate) fn add(&mut self, verdict: Verdict) {
        *self.verdicts.entry(verdict).or_default() += 1;
    }

    /// Counts the tests without a verdict as missing.
    pub(crate) fn close(&mut self) {
        let reported: usize = self.verdicts.values().sum();
        if let Some(missing) = self.planned.checked_sub(reported).filter(|&missing| 0 < missing) {
            self.verdicts.insert(Verdict::Missing, missing);
        }
    }

    /// Says which tests did not get to a verdict: libtest-mimic calls such a run "ok".
    pub(crate) fn incomplete(&self) -> Option<String> {
        let count = |verdict| self.verdicts.get(&verdict).copied().unwrap_or_default();
        let (blocked, missing) = (count(Verdict::Blocked), count(Verdict::Missing));
        let complete = blocked + missing == 0;
        (!complete)
            .then(|| format!("the run is not complete: {blocked} Blocked, {missing} Missing"))
    }

    pub(crate) fn is_as_expected(&self) -> bool {
        self.verdicts.keys().all(|verdict| verdict.is_as_expected())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.verdicts.is_empty() {
            return f.write_str("none");
        }
        for (index, (verdict, count)) in self.verdicts.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{count} {verdict}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reported_nothing_is_missing_and_never_a_pass() {
        let mut tally = Tally::default();
        tally.expect(4);
        tally.add(Verdict::NotApplicable);
        tally.add(Verdict::Pass);
        tally.add(Verdict::Pass);
        assert!(tally.is_as_expected() && tally.incomplete().is_none());
        tally.close();
        assert_eq!(tally.incomplete().unwrap(), "the run is not complete: 0 Blocked, 1 Missing");
        assert_eq!(tally.to_string(), "2 Pass, 1 NotApplicable, 1 Missing");
        assert!(!tally.is_as_expected());
    }
}
