//! The order of a worker's commands.

use crate::runner::splitmix;
use crate::spec::NvmOpcode;

use super::job::Work;

/// Which command comes next.
#[derive(Debug)]
pub(super) struct Next {
    start: u64,
    io_blocks: u64,
    /// How many places there are in the region for a command.
    places: u64,
    read_percentage: u64,
    random: bool,
    /// The next place, if they come in order.
    place: u64,
    state: u64,
}

impl Next {
    pub(super) fn new(work: &Work) -> Self {
        let io_blocks = work.io_blocks.into();
        Self {
            start: work.region.start,
            io_blocks,
            places: (work.region.end - work.region.start) / io_blocks,
            read_percentage: work.read_percentage.into(),
            random: work.random,
            place: 0,
            state: work.seed,
        }
    }

    /// Draws or counts the opcode and the first logical block.
    pub(super) fn command(&mut self) -> (NvmOpcode, u64) {
        let place = if self.random {
            self.below(self.places)
        } else {
            let place = self.place;
            self.place = (place + 1) % self.places;
            place
        };
        let reads = self.below(100) < self.read_percentage;
        let opcode = if reads { NvmOpcode::READ } else { NvmOpcode::WRITE };
        (opcode, self.start + place * self.io_blocks)
    }

    /// Draws a number below `end`, each as likely as the other.
    fn below(&mut self, end: u64) -> u64 {
        let drawn = u128::from(splitmix(&mut self.state)) * u128::from(end);
        (drawn >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work() -> Work {
        Work {
            nsid: 1,
            block: 512,
            io_blocks: 8,
            region: 100..1000,
            read_percentage: 30,
            random: true,
            depth: 1,
            count: None,
            time_ns: None,
            seed: 7,
            timeout_ns: 1,
        }
    }

    #[test]
    fn random_commands_cover_the_region_and_stay_in_it() {
        let work = work();
        let mut next = Next::new(&work);
        let drawn: Vec<_> = (0..10_000).map(|_| next.command()).collect();
        assert!(drawn.iter().all(|(_, slba)| work.region.contains(slba) && slba + 8 <= 1000));
        let places: std::collections::BTreeSet<_> = drawn.iter().map(|(_, slba)| slba).collect();
        assert_eq!(places.len(), 112);
        let reads = drawn.iter().filter(|(opcode, _)| *opcode == NvmOpcode::READ).count();
        assert!((2500..3500).contains(&reads), "{reads} reads of 10,000");
    }

    #[test]
    fn sequential_commands_wrap_around_the_region() {
        let work = Work { random: false, read_percentage: 100, region: 100..117, ..work() };
        let mut next = Next::new(&work);
        let slbas: Vec<_> = (0..5).map(|_| next.command().1).collect();
        assert_eq!(slbas, [100, 108, 100, 108, 100]);
    }
}
