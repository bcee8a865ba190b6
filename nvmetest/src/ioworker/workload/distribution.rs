//! How random commands are distributed over the region.

use serde::Deserialize;
use serde::Serialize;

use super::draw::Draw;
use super::draw::Weighted;
use super::zipf::Zipf;

/// How many sections the region has for [`Distribution::Sections`].
const SECTIONS: usize = 100;

/// What the weights of all sections are together.
const SUM: u64 = 10_000;

/// How often random commands name which place of the region.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Distribution {
    /// Each place is as likely as the other.
    #[default]
    Uniform,
    /// The region has 100 sections of the same size, and of 10,000 commands so many are for each; within a section each
    /// place is as likely as the other.
    Sections(Vec<u32>),
    /// Zipf's law: the k-th most frequent place is named in proportion to 1 / k^s. The most frequent ones do not stand
    /// side by side.
    Zipf {
        /// The exponent s, more than 0 and at the most 10; 0.99 is what many workloads are like.
        exponent: f64,
    },
    /// A part at the beginning of the region is named more often than the rest.
    HotSpot {
        /// How many of a hundred commands are for the hot spot: 0 to 100.
        commands: u8,
        /// How many hundredths of the region it is: 1 to 99.
        region: u8,
    },
}

impl Distribution {
    /// Says what is wrong with it for `places` places.
    pub(in crate::ioworker) fn check(&self, places: u64) -> Result<(), String> {
        match self {
            Self::Uniform => Ok(()),
            Self::Sections(weights) if weights.len() != SECTIONS => {
                let count = weights.len();
                Err(format!("a distribution has {SECTIONS} weights, and not {count}"))
            }
            Self::Sections(weights) => {
                let sum: u64 = weights.iter().copied().map(u64::from).sum();
                if sum != SUM {
                    return Err(format!(
                        "the weights of a distribution sum to {SUM}, and not {sum}"
                    ));
                }
                if places < SECTIONS as u64 {
                    return Err(format!(
                        "{SECTIONS} sections need as many places, and not {places}"
                    ));
                }
                Ok(())
            }
            Self::Zipf { exponent } if 0.0 < *exponent && *exponent <= 10.0 => Ok(()),
            Self::Zipf { exponent } => Err(format!(
                "the exponent of Zipf's law is more than 0 and at the most 10, and not {exponent}"
            )),
            Self::HotSpot { commands: 101.., .. } => {
                Err("a hot spot has 0 to 100 of a hundred commands".to_owned())
            }
            Self::HotSpot { region: 0 | 100.., .. } => {
                Err("a hot spot is 1 to 99 hundredths of the region".to_owned())
            }
            Self::HotSpot { .. } if places < 2 => {
                Err("a hot spot is less than the region, which has one place".to_owned())
            }
            Self::HotSpot { .. } => Ok(()),
        }
    }
}

/// A distribution over a number of places.
#[derive(Debug, Clone)]
pub(super) enum Spread {
    Uniform { places: u64 },
    Sections { weights: Weighted, ends: Vec<u64> },
    Zipf { zipf: Zipf, places: u64, stride: u64 },
    HotSpot { commands: u8, hot: u64, places: u64 },
}

impl Spread {
    /// `distribution` was [checked](Distribution::check), and `places` is not 0.
    pub(super) fn new(distribution: &Distribution, places: u64) -> Self {
        let part =
            |share: u64, of: u64| (u128::from(places) * u128::from(share) / u128::from(of)) as u64;
        match distribution {
            Distribution::Uniform => Self::Uniform { places },
            Distribution::Sections(weights) => {
                let ends = (0..=SECTIONS as u64).map(|end| part(end, SECTIONS as u64)).collect();
                Self::Sections { weights: Weighted::new(weights.iter().copied()), ends }
            }
            Distribution::Zipf { exponent } => {
                // Neighbours in rank are so far apart, and a stride that shares no factor meets each place once.
                let near = part(618_034, 1_000_000).max(1);
                let stride = (near..).find(|stride| gcd(*stride, places) == 1).unwrap_or(1);
                Self::Zipf { zipf: Zipf::new(*exponent, places), places, stride }
            }
            Distribution::HotSpot { commands, region } => {
                let hot = part((*region).into(), 100).clamp(1, places - 1);
                Self::HotSpot { commands: *commands, hot, places }
            }
        }
    }

    #[inline]
    pub(super) fn draw(&self, draw: &mut Draw) -> u64 {
        match self {
            Self::Uniform { places } => draw.below(*places),
            Self::Sections { weights, ends } => {
                let section = weights.draw(draw);
                ends[section] + draw.below(ends[section + 1] - ends[section])
            }
            Self::Zipf { zipf, places, stride } => {
                let rank = u128::from(zipf.draw(draw) - 1);
                (rank * u128::from(*stride) % u128::from(*places)) as u64
            }
            Self::HotSpot { commands, hot, places } => {
                if draw.percent(*commands) {
                    draw.below(*hot)
                } else {
                    hot + draw.below(places - hot)
                }
            }
        }
    }
}

fn gcd(mut one: u64, mut other: u64) -> u64 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: u64 = 1000;

    fn counts(distribution: &Distribution) -> Vec<u32> {
        assert_eq!(distribution.check(PLACES), Ok(()));
        let (spread, mut draw) = (Spread::new(distribution, PLACES), Draw::new(5));
        let mut counts = vec![0; PLACES as usize];
        (0..100_000).for_each(|_| counts[spread.draw(&mut draw) as usize] += 1);
        counts
    }

    #[test]
    fn sections_have_their_weights() {
        let mut weights = vec![0; 100];
        (weights[0], weights[41], weights[99]) = (1000, 6000, 3000);
        let counts = counts(&Distribution::Sections(weights));
        let section = |number: usize| counts[number * 10..][..10].iter().sum::<u32>();
        for (number, share) in [(0, 10_000), (41, 60_000), (99, 30_000), (50, 0)] {
            let count = section(number);
            assert!(count.abs_diff(share) <= share / 20, "{count} in section {number}");
        }
        assert!(counts[410..420].iter().all(|count| (5000..7000).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_hot_spot_is_hot_and_the_rest_is_not_cold() {
        let counts = counts(&Distribution::HotSpot { commands: 80, region: 20 });
        let hot: u32 = counts[..200].iter().sum();
        assert!((79_000..81_000).contains(&hot), "{hot}");
        assert!(counts[200..].iter().all(|count| *count != 0));
    }

    #[test]
    fn frequent_places_do_not_stand_side_by_side() {
        let counts = counts(&Distribution::Zipf { exponent: 1.0 });
        let mut order: Vec<_> = (0..counts.len()).collect();
        order.sort_by_key(|place| std::cmp::Reverse(counts[*place]));
        assert!(10 < order[0].abs_diff(order[1]) && 10 < order[1].abs_diff(order[2]), "{order:?}");
        // Each rank has a place of its own.
        assert!(counts.iter().filter(|count| **count != 0).count() > 990);
    }

    #[test]
    fn what_is_no_distribution_is_named() {
        let refused = |distribution: Distribution| distribution.check(PLACES).unwrap_err();
        assert!(refused(Distribution::Sections(vec![])).contains("100 weights, and not 0"));
        let error = refused(Distribution::Sections(vec![1; 100]));
        assert!(error.contains("sum to 10000, and not 100"), "{error}");
        let error = Distribution::Sections(vec![100; 100]).check(99).unwrap_err();
        assert!(error.contains("need as many places, and not 99"), "{error}");
        for exponent in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(refused(Distribution::Zipf { exponent }).contains("the exponent"));
        }
        assert!(refused(Distribution::HotSpot { commands: 101, region: 5 }).contains("0 to 100"));
        for region in [0, 100] {
            assert!(refused(Distribution::HotSpot { commands: 5, region }).contains("1 to 99"));
        }
    }
}
