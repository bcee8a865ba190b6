//! What a worker is to do, and how it starts.

mod check;
mod lists;
mod start;

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use crate::Interrupts;
use crate::Namespace;
use crate::spec::NvmOpcode;

use super::DataPattern;
use super::Distribution;
use super::IoSizes;
use super::TimedCommand;
use super::workload::Mix;

/// How many bytes a command transfers that is not told.
const IO_BYTES: usize = 4096;

/// A worker that is not started: what it is to do.
///
/// It says for how long it works by [`count`](Self::count), [`time`](Self::time), or both: the first to be reached ends it;
/// a [recorded sequence](Self::replay) has an end of its own.
///
/// ```no_run
/// use std::time::Duration;
///
/// use nvmetest::ioworker::DataPattern;
/// use nvmetest::ioworker::Distribution;
/// use nvmetest::prelude::*;
/// use nvmetest::spec::NvmOpcode;
///
/// /// What a server does: mostly small reads, a part of the drive is hot, and 20,000 commands in a second.
/// #[nvme_test]
/// fn a_server(ns: Namespace) -> Result {
///     let worker = ns
///         .ioworker()
///         .io_blocks([(8, 80), (64, 20)])
///         .lba_align(8)
///         .mix([(NvmOpcode::READ, 70), (NvmOpcode::WRITE, 28), (NvmOpcode::FLUSH, 2)])
///         .distribution(Distribution::HotSpot { commands: 90, region: 10 })
///         .pattern(DataPattern::Random { compressible: 50, duplicate: 0 })
///         .iops(20_000)
///         .depth(32)
///         .time(Duration::from_secs(10))
///         .start()?;
///     println!("{}", worker.join()?);
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct IoWorkerBuilder<'c> {
    ns: Namespace<'c>,
    sizes: IoSizes,
    aligns: Vec<u64>,
    regions: Vec<Range<u64>>,
    first: Option<u64>,
    step: Option<i64>,
    random_percentage: u8,
    distribution: Distribution,
    mix: Mix,
    pattern: DataPattern,
    sgl_percentage: u8,
    fua_percentage: u8,
    replay: Option<Replay>,
    depth: u16,
    priority: u8,
    /// Whose vector the worker waits for.
    interrupt: Option<(&'c Interrupts<'c>, u16)>,
    only_crc: bool,
    count: Option<u64>,
    time: Option<Duration>,
    iops: Option<u64>,
    cpu: Option<usize>,
    seed: u64,
    allow_errors: bool,
}

/// A recorded sequence.
#[derive(Debug, Clone)]
enum Replay {
    Commands(Vec<TimedCommand>),
    File(PathBuf),
}

impl<'c> Namespace<'c> {
    /// Describes a worker, a process that drives I/O on this namespace: random reads of 4 KiB, 64 at a time, unless
    /// it is told otherwise. See [`ioworker`](crate::ioworker).
    #[expect(clippy::single_range_in_vec_init, reason = "a region is a range of blocks")]
    pub fn ioworker(&self) -> IoWorkerBuilder<'c> {
        let mqes_z = self.controller().capabilities().cap.mqes_z();
        IoWorkerBuilder {
            ns: *self,
            sizes: u32::try_from(IO_BYTES / self.block()).unwrap_or(1).max(1).into(),
            aligns: vec![],
            regions: vec![0..self.capacity()],
            first: None,
            step: None,
            random_percentage: 100,
            distribution: Distribution::Uniform,
            mix: Mix::Reads(100),
            pattern: DataPattern::Counter,
            sgl_percentage: 0,
            fua_percentage: 0,
            replay: None,
            depth: mqes_z.clamp(1, 64),
            priority: 0,
            interrupt: None,
            only_crc: false,
            count: None,
            time: None,
            iops: None,
            cpu: None,
            seed: crate::runner::seed(),
            allow_errors: false,
        }
    }
}

impl<'c> IoWorkerBuilder<'c> {
    /// How many of a hundred commands are reads, on average: 0 to 100. The others are writes.
    pub fn read_percentage(mut self, percentage: u8) -> Self {
        self.mix = Mix::Reads(percentage);
        self
    }

    /// How many of a hundred commands have which opcode, on average; together it is 100.
    ///
    /// There may be Read, Write, Flush, Dataset Management (which deallocates one range), Write Zeroes, Compare, Verify and
    /// Write Uncorrectable (NVM 3.3). A Compare compares with what a write would write: that is what is on the
    /// medium only with a [fixed pattern](DataPattern::Fixed), and after a write of a worker with the same seed.
    /// Where data is [verified](crate::integrity), a Compare is judged, too, whether it succeeds or ends with Compare Failure.
    ///
    /// WZSL, WUSL, VSL, DMRL, DMRSL and DMSL (NVM 4.1.5.4) are no limits of what is accepted here: an operation needs its bit
    /// in ONCS, and where that is set they are recommendations only (Base 5.1.13.2.1, ONCS).
    pub fn mix(mut self, shares: impl IntoIterator<Item = (NvmOpcode, u32)>) -> Self {
        self.mix = Mix::Opcodes(shares.into_iter().collect());
        self
    }

    /// How many logical blocks a command is for: 1 to 65,536, and no more than MDTS allows where they are transferred.
    ///
    /// One size, or several of which one is drawn for each command: see [`IoSizes`].
    pub fn io_blocks(mut self, blocks: impl Into<IoSizes>) -> Self {
        self.sizes = blocks.into();
        self
    }

    /// What the first LBA of each command is a multiple of, in logical blocks.
    ///
    /// Without an alignment, random commands are a whole number of commands of their size from the start of the region, and
    /// those in order follow each other.
    pub fn lba_align(mut self, blocks: u64) -> Self {
        self.aligns = vec![blocks];
        self
    }

    /// An [alignment](Self::lba_align) for each of the sizes, in their order.
    pub fn lba_aligns(mut self, blocks: impl IntoIterator<Item = u64>) -> Self {
        self.aligns = blocks.into_iter().collect();
        self
    }

    /// The logical blocks that commands name; the whole namespace if that is not said. No command goes beyond its
    /// end: what is left there is not used.
    pub fn region(mut self, region: Range<u64>) -> Self {
        self.regions = vec![region];
        self
    }

    /// Several [regions](Self::region): commands in order go through one after the other, and of random ones each place is as
    /// likely as the other, whichever region it is in.
    pub fn regions(mut self, regions: impl IntoIterator<Item = Range<u64>>) -> Self {
        self.regions = regions.into_iter().collect();
        self
    }

    /// Commands name places of the region at random, as the [distribution](Self::distribution) says.
    pub fn random(self) -> Self {
        self.random_percentage(100)
    }

    /// Commands name the places of the region in order, again and again.
    pub fn sequential(self) -> Self {
        self.random_percentage(0)
    }

    /// How many of a hundred commands are at random, on average: 0 to 100. The others go on in order where the last of
    /// them was.
    pub fn random_percentage(mut self, percentage: u8) -> Self {
        self.random_percentage = percentage;
        self
    }

    /// The LBA of the first command in order; the start of the region if that is not said, or its end if the
    /// [step](Self::step) is negative.
    pub fn first_lba(mut self, lba: u64) -> Self {
        self.first = Some(lba);
        self
    }

    /// How far the first LBAs of two commands in order are apart, in logical blocks: may be 0, or negative. Without, each
    /// command follows the one before.
    pub fn step(mut self, blocks: i64) -> Self {
        self.step = Some(blocks);
        self
    }

    /// How often random commands name which part of the region.
    pub fn distribution(mut self, distribution: Distribution) -> Self {
        self.distribution = distribution;
        self
    }

    /// What blocks hold that are written. Each block begins with its LBA and then the seed, each as eight bytes,
    /// little-endian; the pattern is what follows. Each write has data of its own.
    pub fn pattern(mut self, pattern: DataPattern) -> Self {
        self.pattern = pattern;
        self
    }

    /// How many of a hundred commands name their data by an SGL, on average: 0 to 100; the controller has to support
    /// SGLs (SGLS, Base 5.1.13.2.1). The others use PRPs.
    pub fn sgl_percentage(mut self, percentage: u8) -> Self {
        self.sgl_percentage = percentage;
        self
    }

    /// How many of a hundred Write and Write Zeroes commands have FUA, on average: 0 to 100. They are durable as they complete
    /// (NVM 3.3.6, NVM 3.3.8); of the others that is true when a Flush has followed.
    pub fn fua_percentage(mut self, percentage: u8) -> Self {
        self.fua_percentage = percentage;
        self
    }

    /// Sends these commands, each at its time, or as soon after it as there is room in the queue. What is
    /// said of sizes, regions, the order, the mix and IOPS says nothing then.
    pub fn replay(mut self, commands: impl IntoIterator<Item = TimedCommand>) -> Self {
        self.replay = Some(Replay::Commands(commands.into_iter().collect()));
        self
    }

    /// As [`replay`](Self::replay), with the commands of a file, one [`TimedCommand`] a line.
    pub fn replay_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.replay = Some(Replay::File(path.into()));
        self
    }

    /// How many commands are in flight, at the most: 1 to CAP.MQES.
    pub fn depth(mut self, depth: u16) -> Self {
        self.depth = depth;
        self
    }

    /// QPRIO of the submission queue: 0 is urgent, 3 is low. It counts with weighted round robin only (Base 3.4.4.2).
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// How many commands there are to be.
    pub fn count(mut self, commands: u64) -> Self {
        self.count = Some(commands);
        self
    }

    /// For how long commands are submitted: to 1000 hours. Those that are in flight then are still waited for.
    pub fn time(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// How many commands are submitted in a second, at the most: each has its nanosecond, and a worker that is late catches
    /// up as far as its depth allows.
    pub fn iops(mut self, commands: u64) -> Self {
        self.iops = Some(commands);
        self
    }

    /// Has the completion queue signal `vector`, and the worker sleep until it does, where it would poll otherwise.
    ///
    /// A completion whose interrupt does not come is found 50 ms later, which the latencies show. The signals are the
    /// worker's: nobody else is to [take](Interrupts::take) them.
    ///
    /// ```no_run
    /// # use nvmetest::prelude::*;
    /// # fn work(nvme: &Controller) -> Result {
    /// let interrupts = nvme.interrupts(2)?;
    /// let work = nvme.first_namespace()?.ioworker().by_interrupt(&interrupts, 1).depth(8).count(100);
    /// assert_eq!(work.start()?.join()?.reads, 100);
    /// # Ok(())
    /// # }
    /// ```
    pub fn by_interrupt(mut self, interrupts: &'c Interrupts<'c>, vector: u16) -> Self {
        self.interrupt = Some((interrupts, vector));
        self
    }

    /// For a benchmark, which tells by it what verification costs beside that: a CRC32 of each block that is read is
    /// computed, and nothing becomes of it.
    #[doc(hidden)]
    pub fn only_crc(mut self) -> Self {
        self.only_crc = true;
        self
    }

    /// The processor that the worker's process runs on, and no other.
    pub fn cpu(mut self, cpu: usize) -> Self {
        self.cpu = Some(cpu);
        self
    }

    /// What is drawn at random is drawn from this; otherwise from the seed of the run.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Commands may fail: [`IoWorker::join`](super::IoWorker::join) gives the statistics all the same.
    pub fn allow_errors(mut self) -> Self {
        self.allow_errors = true;
        self
    }
}
