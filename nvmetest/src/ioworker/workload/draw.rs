//! Drawing at random, from a seed.

use crate::runner::splitmix;

/// A sequence of random numbers that a seed determines.
#[derive(Debug, Clone)]
pub(super) struct Draw(u64);

impl Draw {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Draws a number below `end`, each exactly as likely as the other; `end` is not 0.
    #[inline]
    pub(super) fn below(&mut self, end: u64) -> u64 {
        let mut product = u128::from(splitmix(&mut self.0)) * u128::from(end);
        if (product as u64) < end {
            // Of 2^64 numbers, so many are left over when they are dealt out to `end` heaps: these are drawn again.
            let left_over = end.wrapping_neg() % end;
            while (product as u64) < left_over {
                product = u128::from(splitmix(&mut self.0)) * u128::from(end);
            }
        }
        (product >> 64) as u64
    }

    /// Is true for `percentage` of a hundred, on average. What is certain is not drawn.
    #[inline]
    pub(super) fn percent(&mut self, percentage: u8) -> bool {
        match percentage {
            0 => false,
            100.. => true,
            _ => self.below(100) < percentage.into(),
        }
    }

    /// Draws a number from 0 to less than 1.
    #[inline]
    pub(super) fn unit(&mut self) -> f64 {
        (splitmix(&mut self.0) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A choice among some, each with a weight; a draw takes the same time however many there are.
///
/// This is the method of aliases: each of `n` columns has the height of the sum of all weights, and belongs to its own
/// choice up to the threshold and above it to one other. In whole numbers it is exact.
#[derive(Debug, Clone)]
pub(super) struct Weighted {
    columns: Vec<Column>,
    height: u64,
}

#[derive(Debug, Clone, Copy)]
struct Column {
    threshold: u64,
    other: usize,
}

impl Weighted {
    /// Makes the columns. The weights must not all be zero.
    pub(super) fn new(weights: impl IntoIterator<Item = u32>) -> Self {
        let weights: Vec<u64> = weights.into_iter().map(u64::from).collect();
        let height: u64 = weights.iter().sum();
        assert!(height != 0, "a choice needs a weight");
        // Each weight fills so much of `n` columns.
        let mut left: Vec<u64> =
            weights.iter().map(|weight| weight * weights.len() as u64).collect();
        let mut columns = vec![Column { threshold: height, other: 0 }; weights.len()];
        let (mut short, mut tall): (Vec<_>, Vec<_>) =
            (0..weights.len()).partition(|&choice| left[choice] < height);
        while let Some(choice) = short.pop()
            && let Some(&other) = tall.last()
        {
            columns[choice] = Column { threshold: left[choice], other };
            left[other] -= height - left[choice];
            if left[other] < height {
                tall.pop();
                short.push(other);
            }
        }
        Self { columns, height }
    }

    #[inline]
    pub(super) fn draw(&self, draw: &mut Draw) -> usize {
        if self.columns.len() == 1 {
            return 0;
        }
        let choice = draw.below(self.columns.len() as u64) as usize;
        let column = self.columns[choice];
        if column.threshold == self.height || draw.below(self.height) < column.threshold {
            choice
        } else {
            column.other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_all_64_bits_are_drawn() {
        let mut draw = Draw::new(1);
        let drawn: Vec<_> = (0..1000).map(|_| draw.below(u64::MAX)).collect();
        for part in 0..8 {
            let share = drawn.iter().filter(|number| **number >> 61 == part).count();
            assert!((75..=175).contains(&share), "{share} of 1000 in eighth {part}");
        }
    }

    #[test]
    fn what_is_left_over_of_the_numbers_is_drawn_again() {
        // Of 2^64 numbers, a quarter is left over for three heaps of 3 * 2^62 / 3.
        let (mut draw, end) = (Draw::new(2), 3 << 62);
        let halves = (0..30_000).filter(|_| draw.below(end) < end / 2).count();
        assert!((14_500..=15_500).contains(&halves), "{halves}");
    }

    #[test]
    fn choices_are_as_frequent_as_their_weights() {
        let weights = [0, 1, 30, 3, 66];
        let weighted = Weighted::new(weights);
        let mut draw = Draw::new(3);
        let mut counts = [0_u32; 5];
        (0..100_000).for_each(|_| counts[weighted.draw(&mut draw)] += 1);
        for (count, weight) in counts.into_iter().zip(weights) {
            let expected = weight * 1000;
            assert!(count.abs_diff(expected) <= expected / 10, "{counts:?}");
        }
    }

    #[test]
    fn the_columns_hold_exactly_the_weights() {
        let weights = [7, 0, 2, 91, 13, 1, 1, 5];
        let Weighted { columns, height } = Weighted::new(weights);
        let mut held = [0; 8];
        for (choice, column) in columns.iter().enumerate() {
            held[choice] += column.threshold;
            held[column.other] += height - column.threshold;
        }
        assert_eq!(held, weights.map(|weight| u64::from(weight) * 8));
    }
}
