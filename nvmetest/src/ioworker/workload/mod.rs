//! What a worker sends: which commands, for which blocks, with which data, and when.
//!
//! All of it follows from the job, and so from its seed: the same job sends the same commands in the same order.

mod address;
mod distribution;
mod draw;
mod mix;
mod pace;
mod pattern;
mod replay;
mod size;
mod zipf;

use super::job::Size;
use super::job::Work;

pub(super) use address::Places;
pub use distribution::Distribution;
pub(super) use mix::Mix;
pub(super) use mix::Operation;
pub use pattern::DataPattern;
pub(super) use pattern::Filler;
pub use replay::TimedCommand;
pub(super) use replay::read as read_replay;
pub use size::IoSizes;

use address::Line;
use address::Sequence;
use draw::Draw;
use draw::Weighted;
use pace::Pace;

/// A command that is to be submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) operation: Operation,
    pub(super) slba: u64,
    /// The index of its size in the job.
    pub(super) size: usize,
    /// Whether SGLs are used for its data, and not PRPs.
    pub(super) sgl: bool,
    /// Force Unit Access (NVM 3.3.6).
    pub(super) fua: bool,
}

/// The commands of a job, one after the other.
#[derive(Debug)]
pub(super) struct Workload<'w> {
    /// How many are left. Without a limit it is more than anybody waits for.
    left: u64,
    source: Source<'w>,
    sgl_percentage: u8,
    fua_percentage: u8,
    draw: Draw,
}

#[derive(Debug)]
enum Source<'w> {
    /// The commonest of all workloads: reads of one size, anywhere in one region, as fast as it goes. It is what
    /// [`Drawn`] comes to then, and nothing else: the same commands, drawn in less time.
    Reads(Line),
    Drawn(Box<Drawn<'w>>),
    Recorded(&'w [Recorded]),
}

/// A recorded command, as the job has it.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(super) struct Recorded {
    pub(super) at_ns: u64,
    pub(super) operation: Operation,
    pub(super) slba: u64,
    /// The index of its size in the job.
    pub(super) size: usize,
}

/// How commands are drawn.
#[derive(Debug)]
struct Drawn<'w> {
    operations: Vec<Operation>,
    shares: Weighted,
    sizes: &'w [Size],
    size_weights: Weighted,
    /// The random places for each size.
    places: Vec<Places>,
    sequence: Sequence,
    random_percentage: u8,
    pace: Option<Pace>,
}

impl<'w> Workload<'w> {
    pub(super) fn new(work: &'w Work) -> Self {
        let source = match &work.replay {
            Some(recorded) => Source::Recorded(recorded),
            None => {
                let drawn = Drawn::new(work);
                match drawn.reads(work) {
                    Some(line) => Source::Reads(line),
                    None => Source::Drawn(Box::new(drawn)),
                }
            }
        };
        let Work { count, seed, sgl_percentage, fua_percentage, .. } = *work;
        let left = count.unwrap_or(u64::MAX);
        Self { left, source, sgl_percentage, fua_percentage, draw: Draw::new(seed) }
    }

    /// When the next command is due, in nanoseconds after the start; `None` if there is none.
    pub(super) fn due_ns(&self) -> Option<u64> {
        if self.left == 0 {
            return None;
        }
        match &self.source {
            Source::Reads(_) => Some(0),
            Source::Drawn(drawn) => Some(drawn.pace.as_ref().map_or(0, Pace::due_ns)),
            Source::Recorded(recorded) => recorded.first().map(|command| command.at_ns),
        }
    }

    /// Whether a command is due so long after the start.
    #[inline]
    pub(super) fn is_due(&self, at_ns: u64) -> bool {
        self.due_ns().is_some_and(|due| due <= at_ns)
    }

    /// How many commands are due, if all are [reads](Source::Reads), which always are: `most`, or fewer if no more are left.
    #[inline(always)]
    pub(super) fn due_reads(&self, most: usize) -> Option<usize> {
        let Source::Reads(_) = &self.source else { return None };
        Some(usize::try_from(self.left).unwrap_or(usize::MAX).min(most))
    }

    /// Returns the first block of the next command where all are [reads](Source::Reads); there is one.
    #[inline(always)]
    pub(super) fn next_of_reads(&mut self) -> u64 {
        let Source::Reads(line) = &self.source else { unreachable!("there are other commands") };
        self.left -= 1;
        line.draw(&mut self.draw)
    }

    /// Returns the next command; there is one that is [due](Self::due_ns) at some time.
    pub(super) fn next(&mut self) -> Next {
        self.left -= 1;
        let (operation, slba, size) = match &mut self.source {
            Source::Reads(line) => (Operation::Read, line.draw(&mut self.draw), 0),
            Source::Drawn(drawn) => drawn.next(&mut self.draw),
            Source::Recorded(recorded) => {
                let (first, rest) = recorded.split_first().expect("a command is left");
                *recorded = rest;
                (first.operation, first.slba, first.size)
            }
        };
        let sgl = self.draw.percent(self.sgl_percentage);
        let fua = operation.has_fua() && self.draw.percent(self.fua_percentage);
        Next { operation, slba, size, sgl, fua }
    }
}

impl<'w> Drawn<'w> {
    fn new(work: &'w Work) -> Self {
        let Work { sizes, regions, distribution, .. } = work;
        let places = |size: &Size| Places::new(regions, size.blocks, size.align, distribution);
        Self {
            operations: work.mix.iter().map(|(operation, _)| *operation).collect(),
            shares: Weighted::new(work.mix.iter().map(|(_, share)| *share)),
            sizes,
            size_weights: Weighted::new(sizes.iter().map(|size| size.weight)),
            places: sizes.iter().map(places).collect(),
            sequence: Sequence::new(regions, work.first, work.step),
            random_percentage: work.random_percentage,
            pace: work.iops.map(Pace::new),
        }
    }

    /// The places of its commands, if all of them are [reads](Source::Reads).
    fn reads(&self, work: &Work) -> Option<Line> {
        // What is certain is not drawn, so the two draw the same.
        let is_certain = work.random_percentage == 100 && work.sgl_percentage == 0;
        match (&self.operations[..], &self.places[..]) {
            ([Operation::Read], [places]) if is_certain && self.pace.is_none() => places.line(),
            _ => None,
        }
    }

    #[inline]
    fn next(&mut self, draw: &mut Draw) -> (Operation, u64, usize) {
        if let Some(pace) = &mut self.pace {
            pace.advance();
        }
        let operation = self.operations[self.shares.draw(draw)];
        let index = self.size_weights.draw(draw);
        let slba = if draw.percent(self.random_percentage) {
            self.places[index].draw(draw)
        } else {
            let size = &self.sizes[index];
            self.sequence.next(size.blocks, size.align)
        };
        (operation, slba, index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(work: &Work, count: usize) -> Vec<Next> {
        let mut workload = Workload::new(work);
        (0..count).map(|_| workload.next()).collect()
    }

    #[test]
    fn the_seed_says_it_all() {
        let work = Work { mix: vec![(Operation::Read, 50), (Operation::Write, 50)], ..Work::of(8) };
        let other = Work { seed: 8, ..work.clone() };
        assert_eq!(commands(&work, 1000), commands(&work, 1000));
        assert_ne!(commands(&work, 1000), commands(&other, 1000));
    }

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "a region is a range of blocks")]
    fn what_is_drawn_in_less_time_is_the_same() {
        let work = Work { regions: vec![3..997], seed: 1234, ..Work::of(8) };
        let (mut draw, mut drawn) = (Draw::new(work.seed), Drawn::new(&work));
        let slow: Vec<_> = (0..1000).map(|_| drawn.next(&mut draw)).collect();
        let mut workload = Workload::new(&work);
        assert_eq!(workload.due_reads(9), Some(9));
        let quick: Vec<_> = (0..500).map(|_| workload.next_of_reads()).collect();
        assert_eq!(quick, slow[..500].iter().map(|(_, slba, _)| *slba).collect::<Vec<_>>());
        let next = (0..500).map(|_| workload.next());
        let next = next.map(|Next { operation, slba, size, sgl, .. }| {
            (!sgl).then_some((operation, slba, size))
        });
        assert_eq!(next.collect::<Option<Vec<_>>>().as_deref(), Some(&slow[500..]));

        let mix = vec![(Operation::Read, 50), (Operation::Write, 50)];
        for other in [
            Work { random_percentage: 99, ..work.clone() },
            Work { sgl_percentage: 1, ..work.clone() },
            Work { iops: Some(9), ..work.clone() },
            Work { regions: vec![0..100, 200..300], ..work.clone() },
            Work { distribution: Distribution::Zipf { exponent: 1.0 }, ..work.clone() },
            Work { mix, ..work.clone() },
        ] {
            assert_eq!(Workload::new(&other).due_reads(9), None, "{other:?}");
        }
    }

    #[test]
    fn operations_sizes_and_sgls_have_their_shares() {
        let mix = vec![(Operation::Read, 70), (Operation::Flush, 10), (Operation::WriteZeroes, 20)];
        let sizes = [(1, 10), (8, 90)].map(|(blocks, weight)| Size { blocks, weight, align: None });
        let work = Work { mix, sizes: sizes.into(), sgl_percentage: 25, ..Work::of(8) };
        let commands = commands(&work, 10_000);
        let share = |what: fn(&Next) -> bool| commands.iter().filter(|it| what(it)).count();
        assert!((6800..7200).contains(&share(|it| it.operation == Operation::Read)));
        assert!((900..1100).contains(&share(|it| it.operation == Operation::Flush)));
        assert!((8800..9200).contains(&share(|it| it.size == 1)));
        assert!((2300..2700).contains(&share(|it| it.sgl)));
    }

    #[test]
    fn a_part_of_the_commands_is_at_random_and_the_others_go_on_in_order() {
        let regions = vec![0..16, 16..80_000];
        let work = Work { random_percentage: 40, regions, ..Work::of(8) };
        let slbas: Vec<_> = commands(&work, 10_000).iter().map(|it| it.slba).collect();
        let mut expected = 0;
        let in_order = slbas.iter().filter(|slba| {
            let found = **slba == expected;
            expected += if found { 8 } else { 0 };
            found
        });
        let in_order = in_order.count();
        assert!((5800..6200).contains(&in_order), "{in_order}");
    }

    #[test]
    fn there_is_an_end_to_what_is_counted_and_to_what_was_recorded() {
        let work = Work { count: Some(2), iops: Some(1000), ..Work::of(8) };
        let mut workload = Workload::new(&work);
        for due in [0, 1_000_000] {
            assert_eq!(workload.due_ns(), Some(due));
            workload.next();
        }
        assert_eq!(workload.due_ns(), None);

        let recorded = Recorded { at_ns: 5, operation: Operation::Verify, slba: 9, size: 0 };
        let work = Work { replay: Some(vec![recorded]), ..Work::of(8) };
        let mut workload = Workload::new(&work);
        assert_eq!(workload.due_ns(), Some(5));
        let next = workload.next();
        assert_eq!((next.operation, next.slba), (Operation::Verify, 9));
        assert_eq!(workload.due_ns(), None);
    }
}
