//! Which commands of a log are wanted.

use std::ops::Range;
use std::ops::RangeBounds;

use super::decode;
use super::record::Outcome;
use super::record::Record;
use crate::spec::Status;

/// Conditions on records; a record is selected if it meets all of them.
///
/// ```
/// use nvmetest::cmdlog::Selection;
///
/// // The last 20 commands of queue 1 that failed on one of the first 1024 blocks.
/// let selection = Selection::all().queue(1).lba(0..1024).failed().last(20);
/// # drop(selection);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a selection does nothing until it is handed to a log"]
pub struct Selection {
    since_ns: Option<u64>,
    until_ns: Option<u64>,
    queue: Option<u16>,
    process: Option<u32>,
    opcode: Option<(bool, u8)>,
    lba: Option<Range<u64>>,
    status: Option<Status>,
    failed: bool,
    in_flight: bool,
    last: Option<usize>,
}

impl Selection {
    /// Selects every command that the log still has.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only commands that were submitted at `ns` (CLOCK_MONOTONIC) or later.
    pub fn since(mut self, ns: u64) -> Self {
        self.since_ns = Some(ns);
        self
    }

    /// Only commands that were submitted before `ns` (CLOCK_MONOTONIC).
    pub fn until(mut self, ns: u64) -> Self {
        self.until_ns = Some(ns);
        self
    }

    /// Only commands of this submission queue; 0 is the Admin Submission Queue.
    pub fn queue(mut self, sqid: u16) -> Self {
        self.queue = Some(sqid);
        self
    }

    /// Only commands that this process submitted.
    pub fn process(mut self, process: u32) -> Self {
        self.process = Some(process);
        self
    }

    /// Only admin commands with this opcode.
    pub fn admin_opcode(mut self, opcode: u8) -> Self {
        self.opcode = Some((true, opcode));
        self
    }

    /// Only I/O commands with this opcode.
    pub fn io_opcode(mut self, opcode: u8) -> Self {
        self.opcode = Some((false, opcode));
        self
    }

    /// Only I/O commands that name a block of this range in their SLBA and NLB fields.
    ///
    /// The ranges of Dataset Management are in its data, which is not logged: it is not selected.
    pub fn lba(mut self, range: impl RangeBounds<u64>) -> Self {
        use std::ops::Bound;

        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(start) => start.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(end) => end.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => u64::MAX,
        };
        self.lba = Some(start..end);
        self
    }

    /// Only commands that were completed with this status.
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// Only commands that were given up or completed with an error.
    pub fn failed(mut self) -> Self {
        self.failed = true;
        self
    }

    /// Only commands that the controller has not completed.
    pub fn in_flight(mut self) -> Self {
        self.in_flight = true;
        self
    }

    /// Of those that meet the other conditions, only the `n` that were submitted last.
    pub fn last(mut self, n: usize) -> Self {
        self.last = Some(n);
        self
    }

    pub(super) fn limit(&self) -> usize {
        self.last.unwrap_or(usize::MAX)
    }

    pub(super) fn is_limited(&self) -> bool {
        self.last.is_some()
    }

    /// Whether a mark of this time belongs to the selected commands.
    pub(super) fn covers(&self, ns: u64) -> bool {
        self.since_ns.is_none_or(|since| since <= ns)
            && self.until_ns.is_none_or(|until| ns < until)
    }

    /// Whether a record meets all conditions but [`last`](Self::last).
    pub fn selects(&self, record: &Record) -> bool {
        let opcode = (record.is_admin(), record.sqe.opcode());
        self.covers(record.submitted_ns)
            && self.queue.is_none_or(|queue| queue == record.sqid)
            && self.process.is_none_or(|process| process == record.process)
            && self.opcode.is_none_or(|wanted| wanted == opcode)
            && self.status.is_none_or(|status| Some(status) == record.status())
            && (!self.failed || record.has_failed())
            && (!self.in_flight || record.outcome == Outcome::InFlight)
            && self.lba.as_ref().is_none_or(|wanted| {
                decode::blocks(&record.sqe, record.is_admin())
                    .is_some_and(|blocks| blocks.start < wanted.end && wanted.start < blocks.end)
            })
    }
}
