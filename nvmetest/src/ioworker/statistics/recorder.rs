//! How a worker counts.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::Status;
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
    start_ns: u64,
    completed: u64,
    errors: u64,
    /// The second that it is since the start, when it ends, and how many completed in it.
    second: usize,
    second_ends_ns: u64,
    in_second: u32,
}

/// A command that completed.
#[derive(Debug, Clone, Copy)]
pub(in crate::ioworker) struct Completed {
    pub(in crate::ioworker) operation: Operation,
    pub(in crate::ioworker) submitted_ns: u64,
    pub(in crate::ioworker) completed_ns: u64,
    /// The bytes of the blocks that it was to transfer.
    pub(in crate::ioworker) bytes: u64,
    pub(in crate::ioworker) status: Status,
}

impl<'p> Recorder<'p> {
    pub(in crate::ioworker) fn new(page: &'p Page, start_ns: u64) -> Self {
        Self {
            page,
            operations: Operation::ALL.map(|operation| page.operations(operation)),
            start_ns,
            completed: 0,
            errors: 0,
            second: 0,
            second_ends_ns: start_ns + SECOND_NS,
            in_second: 0,
        }
    }

    #[inline]
    pub(in crate::ioworker) fn completed(
        &mut self,
        command: &Completed,
        failed: impl FnOnce() -> FailedCommand,
    ) {
        let &Completed { operation, submitted_ns, completed_ns, bytes, status } = command;
        let Operations { counts, buckets } = self.operations[operation as usize];
        let latency = completed_ns.saturating_sub(submitted_ns);
        add(&counts[COMMANDS], 1);
        add(&counts[LATENCY_SUM_NS], latency);
        if counts[LATENCY_MAX_NS].load(Relaxed) < latency {
            counts[LATENCY_MAX_NS].store(latency, Relaxed);
        }
        add(&buckets[bucket(latency)], 1);
        if status.is_success() {
            add(&counts[BYTES], bytes);
        } else {
            add(&counts[ERRORS], 1);
            self.failed(status, failed);
        }
        if self.second_ends_ns <= completed_ns {
            self.next_second(completed_ns);
        }
        self.in_second = self.in_second.saturating_add(1);
        self.page.set_second(self.second, self.in_second);
        self.completed += 1;
        self.page.set_completed(self.completed, completed_ns - self.start_ns);
    }

    #[cold]
    fn failed(&mut self, status: Status, failed: impl FnOnce() -> FailedCommand) {
        self.page.count_status(status);
        if self.errors == 0 {
            self.page.set_first_error(&failed());
        }
        self.errors += 1;
        self.page.set_errors(self.errors);
    }

    #[cold]
    fn next_second(&mut self, now_ns: u64) {
        let second = (now_ns - self.start_ns) / SECOND_NS;
        self.second = usize::try_from(second).unwrap_or(usize::MAX);
        self.second_ends_ns = self.start_ns + (second + 1) * SECOND_NS;
        self.in_second = 0;
    }
}

#[inline]
fn add(word: &AtomicU64, number: u64) {
    word.store(word.load(Relaxed).wrapping_add(number), Relaxed);
}
