//! What is written.

use serde::Deserialize;
use serde::Serialize;

use crate::runner::splitmix;

/// The bytes at the head of each block: its LBA and the seed of the worker.
const HEAD: usize = 16;

/// How many different contents blocks have that are duplicates.
const CONTENTS: u64 = 16;

/// How many words more than a block the random numbers are.
const SLACK: usize = 4096;

/// What the blocks hold that a worker writes, behind the [head](super::super::IoWorkerBuilder::pattern) of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum DataPattern {
    /// The same four bytes again and again, little-endian; each write of a block has the same data.
    Fixed(u32),
    /// Words of eight bytes that count up, little-endian, through all that the worker writes.
    Counter,
    /// Random bytes, which no block and no write has in common with another.
    Random {
        /// How many hundredths of each block can be compressed away: they are zeroes, at its end. 0 to 100.
        compressible: u8,
        /// How many of a hundred blocks are duplicates: they have one of a few contents, without a head. 0 to 100.
        duplicate: u8,
    },
}

impl DataPattern {
    /// Random bytes that can neither be compressed nor deduplicated.
    pub const RANDOM: Self = Self::Random { compressible: 0, duplicate: 0 };

    /// Says what is wrong with it.
    pub(in crate::ioworker) fn check(self) -> Result<(), String> {
        match self {
            Self::Random { compressible: percentage @ 101.., .. } => {
                Err(format!("{percentage} hundredths of a block are to be compressible"))
            }
            Self::Random { duplicate: percentage @ 101.., .. } => {
                Err(format!("{percentage} of a hundred blocks are to be duplicates"))
            }
            _ => Ok(()),
        }
    }
}

/// Fills blocks with data. The data is a function of the seed, the LBA and the version, and of nothing else.
///
/// [`fill`](Self::fill) is where the data of writes comes from and the only place: what else a block is to carry is put
/// into it there, before the command is submitted.
#[derive(Debug)]
pub(in crate::ioworker) struct Filler {
    pattern: DataPattern,
    seed: u64,
    /// Random numbers; each block has some of them in a row, each changed in its own way. To draw new ones for each
    /// would take ten times as long as to copy these.
    numbers: Vec<u64>,
}

impl Filler {
    pub(in crate::ioworker) fn new(pattern: DataPattern, seed: u64, block: usize) -> Self {
        let mut state = seed;
        let count = match pattern {
            DataPattern::Random { .. } => block / 8 + SLACK,
            _ => 0,
        };
        Self { pattern, seed, numbers: (0..count).map(|_| splitmix(&mut state)).collect() }
    }

    /// Fills `block` with what the `version`-th block that this worker writes holds, which goes to `lba`.
    ///
    /// `block` has a whole number of words of eight bytes, as logical blocks do.
    #[inline]
    pub(in crate::ioworker) fn fill(&self, block: &mut [u8], lba: u64, version: u64) {
        let words = block.as_chunks_mut::<8>().0;
        match self.pattern {
            DataPattern::Fixed(dword) => {
                let word = u64::from(dword) << 32 | u64::from(dword);
                words.fill(word.to_le_bytes());
            }
            DataPattern::Counter => {
                let first = version.wrapping_mul(words.len() as u64);
                for (word, number) in words.iter_mut().zip(0..) {
                    *word = first.wrapping_add(number).to_le_bytes();
                }
            }
            DataPattern::Random { compressible, duplicate } => {
                let mut state = self.seed ^ version.wrapping_mul(0xd6e8_feb8_6659_fd93);
                let chance = splitmix(&mut state) as u32;
                if (u64::from(chance) * 100) >> 32 < duplicate.into() {
                    let content = splitmix(&mut state) % CONTENTS;
                    return self.random(words, self.seed ^ !content, compressible);
                }
                self.random(words, state ^ lba, compressible);
            }
        }
        let head = [lba.to_le_bytes(), self.seed.to_le_bytes()];
        block[..HEAD].copy_from_slice(head.as_flattened());
    }

    fn random(&self, words: &mut [[u8; 8]], mut state: u64, compressible: u8) {
        let random = (words.len() * usize::from(100 - compressible)).div_ceil(100);
        let (key, at) = (splitmix(&mut state), splitmix(&mut state) as usize % SLACK);
        let (words, zeroes) = words.split_at_mut(random);
        for (word, number) in words.iter_mut().zip(&self.numbers[at..]) {
            *word = (number ^ key).to_le_bytes();
        }
        zeroes.fill([0; 8]);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::collections::HashSet;

    use super::*;

    const BLOCK: usize = 4096;

    fn filled(pattern: DataPattern, lba: u64, version: u64) -> Vec<u8> {
        let mut block = vec![0xee; BLOCK];
        Filler::new(pattern, 77, BLOCK).fill(&mut block, lba, version);
        block
    }

    #[test]
    fn each_block_begins_with_its_lba_and_the_seed() {
        for pattern in [DataPattern::Fixed(1), DataPattern::Counter, DataPattern::RANDOM] {
            let block = filled(pattern, 5, 9);
            assert_eq!(block[..16], [5_u64.to_le_bytes(), 77_u64.to_le_bytes()].concat());
        }
    }

    #[test]
    fn a_fixed_pattern_is_the_same_in_each_version() {
        let block = filled(DataPattern::Fixed(0x0403_0201), 5, 9);
        assert_eq!(block, filled(DataPattern::Fixed(0x0403_0201), 5, 10));
        assert!(block[16..].as_chunks::<4>().0.iter().all(|dword| *dword == [1, 2, 3, 4]));
    }

    #[test]
    fn a_counter_goes_on_from_block_to_block() {
        let (block, next) =
            (filled(DataPattern::Counter, 5, 3), filled(DataPattern::Counter, 8, 4));
        let words = |block: &[u8]| {
            block.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect::<Vec<_>>()
        };
        let (block, next) = (words(&block), words(&next));
        assert_eq!((block[2], block[511], next[2]), (3 * 512 + 2, 3 * 512 + 511, 4 * 512 + 2));
    }

    #[test]
    fn random_data_has_no_word_twice() {
        let blocks: Vec<_> =
            (0..64).map(|version| filled(DataPattern::RANDOM, 5, version)).collect();
        let words: Vec<_> =
            blocks.iter().flat_map(|block| block[16..].as_chunks::<8>().0).collect();
        assert_eq!(words.iter().collect::<HashSet<_>>().len(), words.len());
        // And as many ones as zeroes.
        let ones: u32 =
            words.iter().flat_map(|word| word.iter()).map(|byte| byte.count_ones()).sum();
        let share = f64::from(ones) / (words.len() * 64) as f64;
        assert!((0.49..0.51).contains(&share), "{share}");
    }

    #[test]
    fn each_block_is_as_compressible_as_was_asked() {
        for compressible in [0, 25, 50, 99] {
            let block = filled(DataPattern::Random { compressible, duplicate: 0 }, 5, 9);
            let zeroes = block.iter().rev().take_while(|byte| **byte == 0).count();
            let expected = BLOCK * usize::from(compressible) / 100;
            assert!(zeroes.abs_diff(expected) <= 16, "{zeroes} of {expected}");
        }
    }

    #[test]
    fn as_many_blocks_are_duplicates_as_were_asked_for() {
        let pattern = DataPattern::Random { compressible: 0, duplicate: 30 };
        let filler = Filler::new(pattern, 77, BLOCK);
        let mut contents: HashMap<Vec<u8>, u32> = HashMap::new();
        for version in 0..4000 {
            let mut block = vec![0; BLOCK];
            filler.fill(&mut block, version, version);
            *contents.entry(block).or_default() += 1;
        }
        let duplicates: u32 = contents.values().filter(|count| 1 < **count).sum();
        assert!((1100..1300).contains(&duplicates), "{duplicates} of 4000");
        assert_eq!(contents.values().filter(|count| 1 < **count).count(), CONTENTS as usize);
    }
}
