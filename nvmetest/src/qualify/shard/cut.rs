//! Which test is in which shard.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::By;
use super::Shard;
use super::Weights;

/// Which test is in which shard: the same on each machine that has the same list and the same weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// For each test of the list, the index of its shard, from 1.
    shards: Vec<u32>,
    sum: u32,
}

impl Cut {
    /// Deals `tests` out, in whatever order they are, to as many shards as `shard` says that there are.
    pub fn new(shard: Shard, tests: &[&str], weights: &Weights) -> Self {
        let shards = match shard.by {
            By::Weight => by_weight(shard.count, tests, weights),
            By::Turn => (0..shard.count).cycle().take(tests.len()).map(|index| index + 1).collect(),
            By::Hash => tests.iter().map(|test| hash(test) % shard.count + 1).collect(),
        };
        let sum = sum(tests, &shards);
        Self { shards, sum }
    }

    /// Returns whether the test at `place` in the list is in `shard`.
    pub fn has(&self, shard: Shard, place: usize) -> bool {
        self.shards.get(place) == Some(&shard.index)
    }

    /// Returns how many tests all shards have together.
    pub fn len(&self) -> usize {
        self.shards.len()
    }

    /// Returns whether there are no tests.
    pub fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    /// Returns a sum over all tests and their shards, which is the same only if the cut is.
    pub fn sum(&self) -> u32 {
        self.sum
    }
}

/// The longest first, each to the shard that has least to do (LPT): no shard takes longer than its share and one test.
fn by_weight(count: u32, tests: &[&str], weights: &Weights) -> Vec<u32> {
    let mut order: Vec<(Reverse<u64>, &str, usize)> = tests
        .iter()
        .enumerate()
        .map(|(place, test)| (Reverse(weights.weight(test)), *test, place))
        .collect();
    order.sort_unstable();
    // What it has to do, and its index, so that all machines agree about shards that have the same to do.
    let mut loads: BinaryHeap<Reverse<(u64, u32)>> =
        (1..=count).map(|index| Reverse((0, index))).collect();
    let mut shards = vec![0; tests.len()];
    for (Reverse(weight), _, place) in order {
        let Some(mut least) = loads.peek_mut() else { break };
        let Reverse((load, index)) = &mut *least;
        shards[place] = *index;
        *load += weight;
    }
    shards
}

/// CRC-32 is not a good hash, and names of tests are no attack; it will be the same in all versions.
fn hash(test: &str) -> u32 {
    crc32fast::hash(test.as_bytes())
}

fn sum(tests: &[&str], shards: &[u32]) -> u32 {
    let mut pairs: Vec<(&str, u32)> = tests.iter().copied().zip(shards.iter().copied()).collect();
    pairs.sort_unstable();
    let mut sum = crc32fast::Hasher::new();
    for (test, shard) in pairs {
        sum.update(test.as_bytes());
        sum.update(&[0]);
        sum.update(&shard.to_le_bytes());
    }
    sum.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("area::test_{number}")).collect()
    }

    fn shard(index: u32, count: u32, by: By) -> Shard {
        Shard { index, count, by }
    }

    proptest! {
        #[test]
        fn every_test_is_in_one_shard(
            took in prop::collection::vec(0_u64..10_000_000, 0..200),
            known in 0_usize..200,
            count in 1_u32..20,
            by in prop::sample::select(vec![By::Weight, By::Turn, By::Hash]),
        ) {
            let names = names(took.len());
            let tests: Vec<&str> = names.iter().map(String::as_str).collect();
            let pairs = names.iter().cloned().zip(took);
            let weights = Weights::new(pairs.take(known));
            let cut = Cut::new(shard(1, count, by), &tests, &weights);
            for place in 0..tests.len() {
                let homes = (1..=count).filter(|&index| cut.has(shard(index, count, by), place));
                prop_assert_eq!(homes.count(), 1);
            }
            prop_assert_eq!(cut.len(), tests.len());
        }

        #[test]
        fn a_cut_by_weight_does_not_depend_on_the_order_and_is_even(
            took in prop::collection::vec(0_u64..10_000_000, 1..200),
            count in 1_u32..20,
            turn in 0_usize..200,
        ) {
            let names = names(took.len());
            let mut tests: Vec<&str> = names.iter().map(String::as_str).collect();
            let weights = Weights::new(names.iter().cloned().zip(took));
            let cut = Cut::new(shard(1, count, By::Weight), &tests, &weights);

            let load = |index: u32| {
                let here = tests.iter().enumerate().filter(|(place, _)| cut.has(shard(index, count, By::Weight), *place));
                here.map(|(_, test)| weights.weight(test)).sum::<u64>()
            };
            let loads: Vec<u64> = (1..=count).map(load).collect();
            let longest = tests.iter().map(|test| weights.weight(test)).max().unwrap_or_default();
            let total: u64 = loads.iter().sum();
            // The shard that ends last began its last test when no shard had more than its share of the rest.
            let bound = (total - longest) / u64::from(count) + longest + 1;
            prop_assert!(loads.iter().all(|&load| load <= bound), "{loads:?} {bound}");

            let places: Vec<bool> = (0..tests.len()).map(|place| cut.has(shard(1, count, By::Weight), place)).collect();
            let turn = turn % tests.len();
            tests.rotate_left(turn);
            let turned = Cut::new(shard(1, count, By::Weight), &tests, &weights);
            prop_assert_eq!(turned.sum(), cut.sum());
            let mut there: Vec<bool> = (0..tests.len()).map(|place| turned.has(shard(1, count, By::Weight), place)).collect();
            there.rotate_right(turn);
            prop_assert_eq!(places, there);
        }
    }

    #[test]
    fn a_test_that_is_not_known_weighs_what_most_do() {
        let weights = Weights::new(
            [("a", 10), ("b", 3000), ("c", 500_000), ("a", 20)]
                .map(|(test, took)| (test.to_owned(), took)),
        );
        assert_eq!(weights.weight("a"), 1020);
        assert_eq!(weights.weight("new"), 4000);
    }

    #[test]
    fn a_long_test_has_a_shard_for_itself() {
        let weights = Weights::new(
            [("long", 9_000_000), ("a", 1), ("b", 1)].map(|(test, took)| (test.to_owned(), took)),
        );
        let tests = ["a", "long", "b"];
        let cut = Cut::new(shard(1, 2, By::Weight), &tests, &weights);
        let first: Vec<_> =
            (0..3).filter(|&place| cut.has(shard(1, 2, By::Weight), place)).collect();
        assert_eq!(first, [1]);
        let other = Cut::new(shard(1, 2, By::Weight), &tests, &Weights::default());
        assert_ne!(other.sum(), cut.sum(), "other weights are another cut");
    }

    #[test]
    fn turns_are_those_of_nextest_and_hashes_stay() {
        let tests = ["a", "b", "c"];
        let turn = Cut::new(shard(1, 2, By::Turn), &tests, &Weights::default());
        assert_eq!(turn.shards, [1, 2, 1]);
        let hash = Cut::new(shard(1, 7, By::Hash), &tests, &Weights::default());
        let fewer = Cut::new(shard(1, 7, By::Hash), &tests[1..], &Weights::default());
        assert_eq!(hash.shards[1..], fewer.shards);
    }
}
