//! Tests of the table.

mod model;
mod reference;
mod rule;
mod sharing;
mod trouble;

use super::*;

/// A generator of numbers that look random.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 11) as usize % end
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

fn geometry(block: usize, blocks: u64) -> Geometry {
    Geometry { block, blocks, drb: 1, identity: "test".to_owned() }
}

fn data(stamp: u64, lba: u64) -> Vec<u8> {
    let mut block = vec![0; 192];
    Stamp { lba, version: stamp, writer: 1, seed: 5 }.fill(&mut block);
    block
}

fn content(block: &[u8]) -> Content {
    Content::Data(crc32fast::hash(block))
}
