//! The memory in which a worker counts, while the runner looks on.
//!
//! It has one writer, the worker, and is read at any time. It outlives the process, however that ends.
//!
//! ```text
//! 0        how far the worker is, the totals, the first error, the statuses of errors, a message
//! 4 KiB    for each operation: its counts, and the buckets of its latencies
//! ...      how many commands completed in each second
//! ```
//!
//! What nobody writes takes no memory.

use std::fs::File;
use std::io;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;
use std::time::Duration;

use crate::Status;
use crate::cmdlog::Token;
use crate::memory::Mapping;
use crate::memory::PAGE_SIZE;
use crate::spec::NvmOpcode;

use super::statistics::BUCKETS;
use super::statistics::FailedCommand;
use super::statistics::Latency;
use super::statistics::OpcodeStatistics;
use super::statistics::Statistics;
use super::workload::Operation;

/// How far the worker is: the values are those of [`State`].
const STATE: usize = 0;
const ALL_ERRORS: usize = 16;
const ELAPSED_NS: usize = 24;
const CPU_NS: usize = 32;
/// Changes as long as the worker is alive, also when it has nothing to do.
const HEARTBEAT: usize = 40;
const FIRST_OPCODE: usize = 48;
const FIRST_SLBA: usize = 56;
const FIRST_BLOCKS: usize = 64;
const FIRST_STATUS: usize = 72;
const FIRST_TOKEN: usize = 80;
/// How long the message is that a worker leaves which cannot go on.
const MESSAGE_LEN: usize = 96;
/// Each status that an error had, in the bits above its count.
const STATUSES: usize = 128;
const STATUS_COUNT: usize = 64;
const COUNT_BITS: u32 = 48;
const MESSAGE: usize = STATUSES + STATUS_COUNT * 8;

/// The words of an operation.
pub(super) const COMMANDS: usize = 0;
pub(super) const ERRORS: usize = 1;
pub(super) const BYTES: usize = 2;
pub(super) const LATENCY_SUM_NS: usize = 3;
pub(super) const LATENCY_MAX_NS: usize = 4;
const COUNTS: usize = 8;

const OPERATIONS: usize = PAGE_SIZE;
const OPERATION: usize = (8 * (COUNTS + BUCKETS)).next_multiple_of(PAGE_SIZE);

const SECONDS: usize = OPERATIONS + Operation::ALL.len() * OPERATION;
const SECOND_COUNT: usize = 1000 * 3600;

pub(super) const LEN: usize = (SECONDS + 4 * SECOND_COUNT).next_multiple_of(PAGE_SIZE);

/// How far a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum State {
    /// It has not said anything.
    Starting = 0,
    /// It has all that it needs, and works.
    Ready = 1,
    /// It has done what it was to do.
    Done = 2,
    /// It could not go on: there is a message.
    GaveUp = 3,
    /// It read what a block cannot hold: there is a message.
    Miscompare = 4,
}

/// The memory.
#[derive(Debug)]
pub(super) struct Page(Mapping);

/// What is counted of one operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operations<'p> {
    pub(super) counts: &'p [AtomicU64; COUNTS],
    pub(super) buckets: &'p [AtomicU64; BUCKETS],
}

impl Page {
    /// Makes the memory, and the file that the worker maps.
    pub(super) fn make() -> io::Result<(File, Self)> {
        let (file, mapping) = Mapping::anonymous(c"nvmetest-ioworker", LEN)?;
        Ok((file, Self(mapping)))
    }

    /// The worker's end; `mapping` is that of the file.
    pub(super) fn new(mapping: Mapping) -> Self {
        Self(mapping)
    }

    pub(super) fn state(&self) -> State {
        match self.0.long(STATE).load(Acquire) {
            1 => State::Ready,
            2 => State::Done,
            3 => State::GaveUp,
            4 => State::Miscompare,
            _ => State::Starting,
        }
    }

    pub(super) fn set_state(&self, state: State) {
        self.0.long(STATE).store(state as u64, Release);
    }

    /// How many commands have completed.
    pub(super) fn completed(&self) -> u64 {
        let of = |operation| self.operations(operation).counts[COMMANDS].load(Relaxed);
        Operation::ALL.into_iter().map(of).sum()
    }

    /// When the last command completed, after the start.
    pub(super) fn elapsed_ns(&self) -> &AtomicU64 {
        self.0.long(ELAPSED_NS)
    }

    pub(super) fn set_elapsed(&self, elapsed_ns: u64) {
        self.put(ELAPSED_NS, elapsed_ns);
    }

    pub(super) fn heartbeat(&self) -> u64 {
        self.word(HEARTBEAT)
    }

    /// Shows that the worker is alive, and how much it worked for it.
    pub(super) fn beat(&self, cpu_ns: u64) {
        self.put(HEARTBEAT, self.word(HEARTBEAT).wrapping_add(1));
        self.put(CPU_NS, cpu_ns);
    }

    pub(super) fn set_errors(&self, errors: u64) {
        self.put(ALL_ERRORS, errors);
    }

    /// Keeps the first error; before the number of them is told.
    pub(super) fn set_first_error(&self, first: &FailedCommand) {
        self.put(FIRST_OPCODE, first.opcode.0.into());
        self.put(FIRST_SLBA, first.slba);
        self.put(FIRST_BLOCKS, first.blocks.into());
        self.put(FIRST_STATUS, first.status.0.into());
        let [ring, sequence] = first.token.to_words();
        self.put(FIRST_TOKEN, ring);
        self.put(FIRST_TOKEN + 8, sequence);
    }

    /// Counts an error. If there are more different ones than there is room for, only the total has it.
    pub(super) fn count_status(&self, status: Status) {
        let statuses = self.0.longs::<STATUS_COUNT>(STATUSES);
        // An error is never the status 0, so a word of its own is not zero.
        let is_its = |word: u64| word == 0 || word >> COUNT_BITS == u64::from(status.0);
        if let Some(word) = statuses.iter().find(|word| is_its(word.load(Relaxed))) {
            let count = word.load(Relaxed) & ((1 << COUNT_BITS) - 1);
            word.store(u64::from(status.0) << COUNT_BITS | (count + 1), Relaxed);
        }
    }

    /// Where the commands are counted that complete in a second since the start, if there is room.
    pub(super) fn second(&self, second: usize) -> Option<&AtomicU32> {
        (second < SECOND_COUNT).then(|| self.0.word(SECONDS + 4 * second))
    }

    pub(super) fn operations(&self, operation: Operation) -> Operations<'_> {
        let at = OPERATIONS + operation as usize * OPERATION;
        Operations { counts: self.0.longs(at), buckets: self.0.longs(at + 8 * COUNTS) }
    }

    /// Reads what was counted so far.
    pub(super) fn read(&self) -> Statistics {
        let opcodes: Vec<_> =
            Operation::ALL.into_iter().filter_map(|operation| self.opcode(operation)).collect();
        let commands = |opcode| {
            opcodes.iter().filter(|it| it.opcode == opcode).map(|it| it.commands).sum::<u64>()
        };
        let (reads, writes) = (commands(NvmOpcode::READ), commands(NvmOpcode::WRITE));
        let all: u64 = opcodes.iter().map(|it| it.commands).sum();
        let errors = self.word(ALL_ERRORS);
        let successes = (Status::SUCCESS, all.saturating_sub(errors));
        let first_error = || FailedCommand {
            opcode: NvmOpcode(self.word(FIRST_OPCODE) as u8),
            slba: self.word(FIRST_SLBA),
            blocks: self.word(FIRST_BLOCKS) as u32,
            status: Status(self.word(FIRST_STATUS) as u16),
            token: Token::from_words([self.word(FIRST_TOKEN), self.word(FIRST_TOKEN + 8)]),
        };
        let mut statuses: Vec<_> = [successes].into_iter().chain(self.statuses()).collect();
        statuses.retain(|(_, count)| *count != 0);
        statuses.sort_unstable();
        let elapsed = Duration::from_nanos(self.word(ELAPSED_NS));
        let begun = elapsed.as_nanos().div_ceil(1_000_000_000);
        let seconds = usize::try_from(begun).unwrap_or(usize::MAX).min(SECOND_COUNT);
        Statistics {
            reads,
            writes,
            bytes: opcodes.iter().map(|it| it.bytes).sum(),
            errors,
            first_error: (errors != 0).then(first_error),
            elapsed,
            cpu: Duration::from_nanos(self.word(CPU_NS)),
            opcodes,
            statuses,
            seconds: (0..seconds).map(|at| self.0.word(SECONDS + 4 * at).load(Relaxed)).collect(),
        }
    }

    fn opcode(&self, operation: Operation) -> Option<OpcodeStatistics> {
        let Operations { counts, buckets } = self.operations(operation);
        let count = |word: usize| counts[word].load(Relaxed);
        let buckets = buckets.iter().map(|bucket| bucket.load(Relaxed)).zip(0..);
        let filled =
            buckets.filter(|(count, _)| *count != 0).map(|(count, bucket)| (bucket, count));
        (count(COMMANDS) != 0).then(|| OpcodeStatistics {
            opcode: operation.opcode(),
            commands: count(COMMANDS),
            errors: count(ERRORS),
            bytes: count(BYTES),
            latency: Latency::new(filled.collect(), count(LATENCY_SUM_NS), count(LATENCY_MAX_NS)),
        })
    }

    fn statuses(&self) -> impl Iterator<Item = (Status, u64)> {
        let words = self.0.longs::<STATUS_COUNT>(STATUSES).iter().map(|word| word.load(Relaxed));
        words.map(|word| (Status((word >> COUNT_BITS) as u16), word & ((1 << COUNT_BITS) - 1)))
    }

    /// Leaves a message, and says that the worker does not go on.
    pub(super) fn leave(&self, state: State, why: &str) {
        let message = &why.as_bytes()[..why.len().min(OPERATIONS - MESSAGE)];
        self.0.write(MESSAGE, message);
        self.put(MESSAGE_LEN, message.len() as u64);
        self.set_state(state);
    }

    pub(super) fn message(&self) -> String {
        let len = usize::try_from(self.word(MESSAGE_LEN)).unwrap_or(usize::MAX);
        let mut message = vec![0; len.min(OPERATIONS - MESSAGE)];
        self.0.read(MESSAGE, &mut message);
        String::from_utf8_lossy(&message).into_owned()
    }

    #[inline]
    fn word(&self, at: usize) -> u64 {
        self.0.long(at).load(Relaxed)
    }

    #[inline]
    fn put(&self, at: usize, value: u64) {
        self.0.long(at).store(value, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::statistics::Completed;
    use super::super::statistics::Recorder;
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    #[test]
    fn what_is_recorded_is_read() {
        let (_file, page) = Page::make().unwrap();
        assert_eq!(page.state(), State::Starting);
        assert_eq!(page.read(), Statistics::default());
        let first = FailedCommand {
            opcode: NvmOpcode::WRITE,
            slba: u64::MAX,
            blocks: 65_536,
            status: Status::LBA_OUT_OF_RANGE,
            token: Token::from_words([3, 1 << 40]),
        };
        let mut recorder = Recorder::new(&page, 1000);
        let mut record = |operation, took, at, status| {
            let (submitted_ns, completed_ns) = (1000 + at - took, 1000 + at);
            let command = Completed { operation, submitted_ns, completed_ns };
            match status {
                Status::SUCCESS => recorder.succeeded(command, 512),
                _ => recorder.failed(command, &FailedCommand { status, ..first }),
            }
        };
        record(Operation::Read, 200, 300, Status::SUCCESS);
        record(Operation::Write, 100, 400, Status::LBA_OUT_OF_RANGE);
        record(Operation::Read, 50, 3 * SECOND_NS, Status::INTERNAL_ERROR);
        record(Operation::Read, 50, 3 * SECOND_NS + 7, Status::INTERNAL_ERROR);
        page.beat(99);

        let statistics = page.read();
        assert_eq!((page.completed(), page.heartbeat(), statistics.commands()), (4, 1, 4));
        assert_eq!((statistics.reads, statistics.writes, statistics.bytes), (3, 1, 512));
        assert_eq!((statistics.errors, statistics.first_error), (3, Some(first)));
        assert_eq!(statistics.elapsed, Duration::from_nanos(3 * SECOND_NS + 7));
        assert_eq!(
            (statistics.cpu, &statistics.seconds[..]),
            (Duration::from_nanos(99), &[2, 0, 0, 2][..])
        );
        let (internal, range) = (Status::INTERNAL_ERROR, Status::LBA_OUT_OF_RANGE);
        assert_eq!(statistics.statuses, [(Status::SUCCESS, 1), (internal, 2), (range, 1)]);
        let reads = statistics.opcode(NvmOpcode::READ).unwrap();
        assert_eq!((reads.commands, reads.errors, reads.bytes), (3, 2, 512));
        assert_eq!((reads.latency.percentile_ns(50.0), reads.latency.max_ns()), (50, 200));
        assert_eq!(reads.latency.mean_ns(), 100.0);
        assert_eq!(statistics.latency().count(), 4);

        let text = serde_json::to_string(&statistics).unwrap();
        assert_eq!(serde_json::from_str::<Statistics>(&text).unwrap(), statistics);
    }

    #[test]
    fn more_statuses_than_there_is_room_for_are_only_counted_together() {
        let (_file, page) = Page::make().unwrap();
        (1..=100).for_each(|status| page.count_status(Status(status)));
        page.count_status(Status(64));
        let statuses = page.read().statuses;
        assert_eq!((statuses.len(), statuses[63]), (STATUS_COUNT, (Status(64), 2)));
    }

    #[test]
    fn seconds_beyond_the_last_are_not_counted() {
        let (_file, page) = Page::make().unwrap();
        assert!(page.second(SECOND_COUNT).is_none() && page.second(usize::MAX).is_none());
        page.set_elapsed(u64::MAX);
        assert_eq!(page.read().seconds.len(), SECOND_COUNT);
    }

    #[test]
    fn a_message_is_cut_off_where_the_page_ends() {
        let (_file, page) = Page::make().unwrap();
        page.leave(State::GaveUp, &"why? ".repeat(5000));
        assert_eq!(page.state(), State::GaveUp);
        assert_eq!(page.message().len(), OPERATIONS - MESSAGE);
        // A writer that died, or that lies, makes no message longer than there is room for.
        page.0.long(MESSAGE_LEN).store(u64::MAX, Relaxed);
        assert_eq!(page.message().len(), OPERATIONS - MESSAGE);
        assert!(page.read().commands() == 0);
    }
}
