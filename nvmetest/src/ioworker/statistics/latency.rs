//! How long commands took.

use std::ops::RangeInclusive;

use serde::Deserialize;
use serde::Serialize;

/// Values of so many bits are told apart, whatever their magnitude: a bucket is not wider than 1/128 of its values.
const BITS: u32 = 7;

/// How many buckets the values of 64 bits fill.
pub(in crate::ioworker) const BUCKETS: usize = ((64 - BITS as usize) + 1) << BITS;

/// Returns the bucket of a value: its highest bit and the seven bits behind it.
#[inline]
pub(in crate::ioworker) const fn bucket(value: u64) -> usize {
    let shift = (value | 1 << BITS).ilog2() - BITS;
    ((shift as usize) << BITS) + (value >> shift) as usize
}

/// Returns the values of a bucket.
const fn values(bucket: usize) -> RangeInclusive<u64> {
    let shift = (bucket >> BITS).saturating_sub(1);
    let first = (bucket - (shift << BITS)) as u64;
    first << shift..=(first << shift) + ((1 << shift) - 1)
}

/// The latencies of commands, from the doorbell until their completion was seen: a histogram of high dynamic range.
///
/// Latencies are in nanoseconds. Those below 256 ns are exact, others are told apart to 1/128, and the
/// greatest and the mean are exact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// The buckets that have commands, in ascending order, and how many.
    buckets: Vec<(u16, u64)>,
    sum_ns: u64,
    max_ns: u64,
}

impl Latency {
    /// Makes it of buckets in ascending order; see [`bucket`](Self::bucket).
    pub(crate) fn new(buckets: Vec<(u16, u64)>, sum_ns: u64, max_ns: u64) -> Self {
        Self { buckets, sum_ns, max_ns }
    }

    /// Returns the bucket of a latency.
    pub(crate) fn bucket(ns: u64) -> u16 {
        // There are fewer than 2^16.
        bucket(ns) as u16
    }

    /// How many commands there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// The latency that `percentage` of a hundred commands did not exceed; 0 if there was no command.
    ///
    /// It is the greatest of its bucket: not less than it was, and not more than 1/128 above.
    ///
    /// # Panics
    ///
    /// Panics if `percentage` is not from 0 to 100.
    pub fn percentile_ns(&self, percentage: f64) -> u64 {
        assert!((0.0..=100.0).contains(&percentage), "{percentage} is no percentage");
        let count = self.count();
        // Rounding must not make 99.9 % of 1000 commands 1000.
        let rank = (count as f64 * (percentage / 100.0) - 1e-6).ceil().max(1.0) as u64;
        let mut sum = 0_u64;
        let holds_rank = |(_, count): &&(u16, u64)| {
            sum = sum.saturating_add(*count);
            rank <= sum
        };
        let found = self.buckets.iter().find(holds_rank).or(self.buckets.last());
        found.map_or(0, |(bucket, _)| *values((*bucket).into()).end()).min(self.max_ns)
    }

    /// The greatest.
    pub fn max_ns(&self) -> u64 {
        self.max_ns
    }

    /// The mean; 0 if there was no command.
    pub fn mean_ns(&self) -> f64 {
        let count = self.count();
        if count == 0 { 0.0 } else { self.sum_ns as f64 / count as f64 }
    }

    /// The values of each bucket that has commands, and how many it has, in ascending order.
    pub fn histogram(&self) -> impl Iterator<Item = (RangeInclusive<u64>, u64)> {
        self.buckets.iter().map(|(bucket, count)| (values((*bucket).into()), *count))
    }

    /// Adds the latencies of others, for example those of another worker.
    pub fn add(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            match self.buckets.binary_search_by_key(bucket, |(bucket, _)| *bucket) {
                Ok(index) => {
                    self.buckets[index].1 = self.buckets[index].1.saturating_add(*count);
                }
                Err(index) => self.buckets.insert(index, (*bucket, *count)),
            }
        }
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = u64>) -> Latency {
        let mut latency = Latency::default();
        for value in values {
            latency.add(&Latency::new(vec![(bucket(value) as u16, 1)], value, value));
        }
        latency
    }

    #[test]
    fn each_value_is_in_its_bucket_and_buckets_are_narrow() {
        let around = |power: u32| [(1_u64 << power) - 1, 1 << power, (1 << power) + 1];
        for value in (0..1000).chain((1..64).flat_map(around)).chain([u64::MAX]) {
            let index = bucket(value);
            let found = values(index);
            assert!(index < BUCKETS && found.contains(&value), "{value}: {found:?}");
            assert!((found.end() - found.start()) <= value / 128, "{value}: {found:?}");
        }
        assert_eq!(*values(BUCKETS - 1).end(), u64::MAX);
    }

    #[test]
    fn the_buckets_follow_each_other() {
        for bucket in 1..BUCKETS {
            assert_eq!(values(bucket - 1).end() + 1, *values(bucket).start());
        }
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_latencies() {
        let mut sorted: Vec<u64> = (1..=10_000).map(|n: u64| n * n * 7919 % 1_000_003).collect();
        let latency = of(sorted.iter().copied());
        sorted.sort_unstable();
        for (percentage, rank) in [(50.0, 5000), (99.0, 9900), (99.9, 9990), (99.99, 9999)] {
            let (found, exact) = (latency.percentile_ns(percentage), sorted[rank - 1]);
            assert!(
                exact <= found && found <= exact + exact / 128,
                "{percentage}: {found} {exact}"
            );
        }
        assert_eq!(latency.percentile_ns(100.0), sorted[9999]);
        assert_eq!((latency.count(), latency.max_ns()), (10_000, sorted[9999]));
        let mean = sorted.iter().sum::<u64>() as f64 / 10_000.0;
        assert!((latency.mean_ns() - mean).abs() < 1e-6);
    }

    #[test]
    fn nothing_took_no_time() {
        let none = Latency::default();
        assert_eq!((none.count(), none.percentile_ns(99.0), none.mean_ns()), (0, 0, 0.0));
    }

    #[test]
    fn latencies_are_read_back_as_they_were() {
        let latency = of([3, 70_000, 70_000, u64::MAX / 4]);
        let text = serde_json::to_string(&latency).unwrap();
        assert_eq!(serde_json::from_str::<Latency>(&text).unwrap(), latency);
    }
}
