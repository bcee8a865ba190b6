//! How a worker counts.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::ioworker::page::BYTES;
use crate::ioworker::page::COMMANDS;
use crate::ioworker::page::ERRORS;
use crate::ioworker::page::LATENCY_MAX_NS;
use crate::ioworker::page::LATENCY_SUM_NS;
use crate::ioworker::page::Operations;
use crate::ioworker::page::Page;
use crate::ioworker::workload::Operation;

use super::FailedCommand;
use super::latency::bucket;

const SECOND_NS: u64 = 1_000_000_000;

/// Counts in the page, command for command: what a worker did is there whatever becomes of it.
///
/// There is one writer, so that no addition has to be atomic.
#[derive(Debug)]
pub(in crate::ioworker) struct Recorder<'p> {
    page: &'p Page,
    operations: [Operations<'p>; Operation::ALL.len()],
    /// When the last command completed, after the start.
    elapsed_ns: &'p AtomicU64,
    start_ns: u64,
    errors: u64,
    /// How many completed in the second that it is since the start, unless there is no room for that.
    second: Option<&'p AtomicU32>,
    second_ends_ns: u64,
}

/// A command that completed.
#[derive(Debug, Clone, Copy)]
pub(in crate::ioworker) struct Completed {
    pub(in crate::ioworker) operation: Operation,
    pub(in crate::ioworker) submitted_ns: u64,
    pub(in crate::ioworker) completed_ns: u64,
}

impl<'p> Recorder<'p> {
    pub(in crate::ioworker) fn new(page: &'p Page, start_ns: u64) -> Self {
        Self {
            page,
            operations: Operation::ALL.map(|operation| page.operations(operation)),
            elapsed_ns: page.elapsed_ns(),
            start_ns,
            errors: 0,
            second: page.second(0),
            second_ends_ns: start_ns + SECOND_NS,
        }
    }

    /// Counts a command that succeeded, and the bytes of the blocks that it transferred.
    #[inline(always)]
    pub(in crate::ioworker) fn succeeded(&mut self, command: Completed, bytes: u64) {
        add(&self.operations[command.operation as usize].counts[BYTES], bytes);
        self.completed(command);
    }

    /// Counts a command that failed.
    #[cold]
    pub(in crate::ioworker) fn failed(&mut self, command: Completed, failed: &FailedCommand) {
        add(&self.operations[command.operation as usize].counts[ERRORS], 1);
        self.page.count_status(failed.status);
        if self.errors == 0 {
            self.page.set_first_error(failed);
        }
        self.errors += 1;
        self.page.set_errors(self.errors);
        self.completed(command);
    }

    #[inline(always)]
    fn completed(&mut self, command: Completed) {
        let Completed { operation, submitted_ns, completed_ns } = command;
        let Operations { counts, buckets } = self.operations[operation as usize];
        let latency = completed_ns.saturating_sub(submitted_ns);
        add(&counts[COMMANDS], 1);
        add(&counts[LATENCY_SUM_NS], latency);
        if counts[LATENCY_MAX_NS].load(Relaxed) < latency {
            counts[LATENCY_MAX_NS].store(latency, Relaxed);
        }
        add(&buckets[bucket(latency)], 1);
        if self.second_ends_ns <= completed_ns {
            self.next_second(completed_ns);
        }
        if let Some(second) = self.second {
            // No worker completes four billion in a second.
            second.store(second.load(Relaxed).wrapping_add(1), Relaxed);
        }
        self.elapsed_ns.store(completed_ns - self.start_ns, Relaxed);
    }

    #[cold]
    fn next_second(&mut self, now_ns: u64) {
        let second = (now_ns - self.start_ns) / SECOND_NS;
        self.second = usize::try_from(second).ok().and_then(|second| self.page.second(second));
        self.second_ends_ns = self.start_ns + (second + 1) * SECOND_NS;
    }
}

#[inline]
fn add(word: &AtomicU64, number: u64) {
    word.store(word.load(Relaxed).wrapping_add(number), Relaxed);
}
