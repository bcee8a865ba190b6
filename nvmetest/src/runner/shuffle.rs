//! The seed of a run.

use std::hash::BuildHasher;
use std::hash::RandomState;
use std::sync::OnceLock;

static SEED: OnceLock<u64> = OnceLock::new();

/// Returns the seed of this run: what a test draws at random, it draws from this.
///
/// It is printed at the end of the run and chosen with `--seed`.
pub fn seed() -> u64 {
    *SEED.get_or_init(|| RandomState::new().hash_one("nvmetest"))
}

/// Chooses the seed, unless it was already asked for.
pub(crate) fn choose(seed: u64) {
    let _ = SEED.set(seed);
}

/// Orders `items` at random: the same seed gives the same order.
pub(crate) fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed;
    for last in (1..items.len()).rev() {
        let other = splitmix(&mut state) % (last as u64 + 1);
        items.swap(last, other as usize);
    }
}

/// Draws a number: the generator SplitMix64.
pub(crate) fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shuffled(seed: u64) -> Vec<u32> {
        let mut items: Vec<u32> = (0..100).collect();
        shuffle(&mut items, seed);
        items
    }

    #[test]
    fn a_seed_gives_one_order_of_the_same_items() {
        assert_eq!(shuffled(7), shuffled(7));
        assert_ne!(shuffled(7), shuffled(8));
        assert_ne!(shuffled(7), (0..100).collect::<Vec<_>>());

        let mut items = shuffled(7);
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
