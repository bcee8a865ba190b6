//! Zipf's law: the k-th most frequent is drawn in proportion to 1 / k^s.

use super::draw::Draw;

/// Draws ranks from 1 to `ranks` by inverting the integral of the hat function and rejecting what is above the
/// histogram (Hörmann and Derflinger, "Rejection-inversion to generate variates from monotone discrete
/// distributions", 1996). It needs no table, so there can be 2^64 ranks.
#[derive(Debug, Clone)]
pub(super) struct Zipf {
    exponent: f64,
    ranks: u64,
    /// The integral up to the left end of the first bar, and up to the right end of the last.
    ends: (f64, f64),
    /// How far left of the middle of its bar a number is always below the histogram.
    safe: f64,
}

impl Zipf {
    /// `exponent` is positive, and `ranks` is not 0.
    pub(super) fn new(exponent: f64, ranks: u64) -> Self {
        let mut zipf = Self { exponent, ranks, ends: (0.0, 0.0), safe: 0.0 };
        zipf.ends = (zipf.integral(1.5) - 1.0, zipf.integral(ranks as f64 + 0.5));
        zipf.safe = 2.0 - zipf.inverse(zipf.integral(2.5) - zipf.weight(2.0));
        zipf
    }

    pub(super) fn draw(&self, draw: &mut Draw) -> u64 {
        let (left, right) = self.ends;
        loop {
            let area = right + draw.unit() * (left - right);
            let at = self.inverse(area);
            // A float becomes the nearest number of the type, also where it has none.
            let rank = (at.round() as u64).clamp(1, self.ranks);
            let bar = rank as f64;
            if bar - at <= self.safe || self.integral(bar + 0.5) - self.weight(bar) <= area {
                return rank;
            }
        }
    }

    fn weight(&self, at: f64) -> f64 {
        at.powf(-self.exponent)
    }

    /// The integral of the weight from 1 to `at`: (at^(1 - s) - 1) / (1 - s), which is the logarithm where s is 1.
    fn integral(&self, at: f64) -> f64 {
        let (log, rest) = (at.ln(), 1.0 - self.exponent);
        if (rest * log).abs() < 1e-8 { log } else { (rest * log).exp_m1() / rest }
    }

    fn inverse(&self, area: f64) -> f64 {
        let rest = 1.0 - self.exponent;
        if (rest * area).abs() < 1e-8 {
            return area.exp();
        }
        // Rounding may go beyond where the logarithm is defined.
        ((rest * area).max(-1.0).ln_1p() / rest).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_as_frequent_as_the_law_says() {
        for exponent in [0.5, 0.99, 1.0, 1.2, 3.0] {
            let (zipf, mut draw) = (Zipf::new(exponent, 50), Draw::new(11));
            let mut counts = [0_u32; 51];
            (0..200_000).for_each(|_| counts[zipf.draw(&mut draw) as usize] += 1);
            let weight = |rank: usize| (rank as f64).powf(-exponent);
            let sum: f64 = (1..=50).map(weight).sum();
            for rank in [1, 2, 3, 10, 50] {
                let expected = 200_000.0 * weight(rank) / sum;
                let off = (f64::from(counts[rank]) - expected).abs();
                assert!(off <= 5.0 * expected.sqrt() + 5.0, "rank {rank}, {exponent}: {counts:?}");
            }
        }
    }

    #[test]
    fn there_may_be_as_many_ranks_as_there_are_blocks() {
        for (exponent, ranks) in [(0.2, u64::MAX), (1.0, u64::MAX), (4.0, u64::MAX), (1.0, 1)] {
            let (zipf, mut draw) = (Zipf::new(exponent, ranks), Draw::new(11));
            assert!((0..1000).all(|_| (1..=ranks).contains(&zipf.draw(&mut draw))));
        }
    }
}
