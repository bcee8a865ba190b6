//! How many commands were in flight, over time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde::Serialize;

/// How many columns time has at most.
const COLUMNS: usize = 64;

/// The width of a column of the beginning, in ns.
const NARROWEST: u64 = 1_000;

/// What is in flight, followed command by command.
///
/// Nobody knows at the beginning how long the log is: when time has no column left, two columns become one.
#[derive(Debug)]
pub(super) struct Depth {
    /// The ends of what is in flight.
    ends: BinaryHeap<Reverse<u64>>,
    in_flight: u64,
    most: u64,
    first_ns: Option<u64>,
    column_ns: u64,
    /// Of each column the most that was in flight.
    columns: Vec<u64>,
}

/// What was in flight over time.
#[derive(Debug, Serialize)]
pub(super) struct Series {
    /// The most that was in flight at one time.
    pub(super) most: u64,
    /// How long a column is.
    pub(super) column_ns: u64,
    /// The most that was in flight in each.
    pub(super) columns: Vec<u64>,
}

impl Default for Depth {
    fn default() -> Self {
        Self {
            ends: BinaryHeap::new(),
            in_flight: 0,
            most: 0,
            first_ns: None,
            column_ns: NARROWEST,
            columns: Vec::new(),
        }
    }
}

impl Depth {
    pub(super) fn add(&mut self, submitted_ns: u64, end_ns: Option<u64>) {
        self.first_ns.get_or_insert(submitted_ns);
        while let Some(Reverse(at_ns)) = self.ends.peek().copied()
            && at_ns <= submitted_ns
        {
            self.ends.pop();
            self.note(at_ns);
            self.in_flight -= 1;
        }
        self.note(submitted_ns);
        self.in_flight += 1;
        self.most = self.most.max(self.in_flight);
        self.note(submitted_ns);
        if let Some(end_ns) = end_ns {
            self.ends.push(Reverse(end_ns));
        }
    }

    pub(super) fn most(&self) -> u64 {
        self.most
    }

    pub(super) fn series(&self) -> Series {
        let mut rest = Self { ends: self.ends.clone(), columns: self.columns.clone(), ..*self };
        while let Some(Reverse(at_ns)) = rest.ends.pop() {
            rest.note(at_ns);
            rest.in_flight -= 1;
        }
        Series { most: self.most, column_ns: rest.column_ns, columns: rest.columns }
    }

    /// Says that this many were in flight until `at_ns`, since what was noted before.
    fn note(&mut self, at_ns: u64) {
        let after = at_ns.saturating_sub(self.first_ns.unwrap_or(at_ns));
        while COLUMNS as u64 <= after / self.column_ns {
            self.column_ns = self.column_ns.saturating_mul(2);
            self.columns =
                self.columns.chunks(2).map(|pair| pair.iter().copied().fold(0, u64::max)).collect();
        }
        let column = (after / self.column_ns) as usize;
        // In the columns between, nothing happened: what was in flight stayed so.
        while self.columns.len() <= column {
            self.columns.push(self.in_flight);
        }
        self.columns[column] = self.columns[column].max(self.in_flight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_is_in_flight_together_and_what_follows_is_not() {
        let mut depth = Depth::default();
        for (submitted_ns, end_ns) in
            [(0, 100), (50, 5_500), (100, 200), (200, 300), (20_000, 20_100)]
        {
            depth.add(submitted_ns, Some(end_ns));
        }
        let series = depth.series();
        assert_eq!((series.most, series.column_ns), (2, 1_000));
        let mut expected = vec![2, 1, 1, 1, 1, 1];
        expected.extend([0; 14]);
        expected.push(1);
        assert_eq!(series.columns, expected);
    }

    #[test]
    fn a_command_that_never_ends_stays_and_a_long_log_has_few_columns() {
        let mut depth = Depth::default();
        depth.add(0, None);
        for n in 1..100_000 {
            depth.add(n * 1_000_000, Some(n * 1_000_000 + 10));
        }
        let series = depth.series();
        assert!(series.columns.len() <= COLUMNS && COLUMNS / 2 < series.columns.len());
        assert!(series.columns.iter().all(|most| *most == 2), "{:?}", series.columns);
    }

    #[test]
    fn times_without_sense_are_borne() {
        let mut depth = Depth::default();
        for (submitted_ns, end_ns) in [(u64::MAX, Some(0)), (0, Some(u64::MAX)), (5, None)] {
            depth.add(submitted_ns, end_ns);
        }
        let mut wide = Depth::default();
        wide.add(0, Some(u64::MAX));
        assert!(depth.series().columns.len() <= COLUMNS);
        assert!(wide.series().columns.len() <= COLUMNS);
    }
}
