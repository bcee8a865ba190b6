//! How long tests took earlier.

use std::collections::HashMap;

use crate::results::Results;

/// What a test takes that takes no time: so many tests of no weight are dealt out evenly, too.
const LEAST_US: u64 = 1000;

/// How long tests took earlier. Without results all tests weigh the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Weights {
    took_us: HashMap<String, u64>,
    median_us: u64,
}

impl Weights {
    /// Takes them from an earlier run: for each test, its longest attempt.
    pub fn of(results: &Results) -> Self {
        let attempts = results.attempts.iter();
        Self::new(attempts.map(|attempt| (attempt.test.clone(), attempt.took_us)))
    }

    /// Takes them from pairs of a test and microseconds.
    pub fn new(tests: impl IntoIterator<Item = (String, u64)>) -> Self {
        let mut took_us: HashMap<String, u64> = HashMap::new();
        for (test, took) in tests {
            let longest = took_us.entry(test).or_default();
            *longest = took.max(*longest);
        }
        let mut sorted: Vec<u64> = took_us.values().copied().collect();
        sorted.sort_unstable();
        let median_us = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        Self { took_us, median_us }
    }

    /// Returns how long a test took, in microseconds, if it is known.
    pub(crate) fn took_us(&self, test: &str) -> Option<u64> {
        self.took_us.get(test).copied()
    }

    /// Returns what a test weighs, in microseconds; one that is not known weighs what half of the others do not reach.
    pub fn weight(&self, test: &str) -> u64 {
        let took = self.took_us.get(test).copied().unwrap_or(self.median_us);
        // A sum of as many as there can be has to fit.
        took.min(u64::from(u32::MAX) * 1000) + LEAST_US
    }
}
