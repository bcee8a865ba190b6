//! What came of a replay.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::cmdlog::Record;
use crate::cmdlog::decode;
use crate::spec::Status;

/// So many differences are kept; the others are counted.
const DIFFERENCES_MAX: usize = 100;

/// What came of a [`replay`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// How many commands were sent.
    pub sent: u64,
    /// How many of them ended with the status that was recorded.
    pub same: u64,
    /// How many of them have no status in the log: they were never completed.
    pub not_recorded: u64,
    /// How many ended with another status.
    pub different: u64,
    /// The first of those, in the order of submission.
    pub differences: Vec<Difference>,
    /// Why commands were left out, and how many.
    pub left_out: BTreeMap<&'static str, u64>,
    /// How long it took.
    pub duration: Duration,
}

/// A command that ended otherwise than it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which of the records it is.
    pub index: usize,
    /// The command, in words.
    pub command: String,
    /// The status in the log.
    pub recorded: Status,
    /// The status this time.
    pub replayed: Status,
}

impl Replayed {
    pub(super) fn compare(&mut self, index: usize, record: &Record, replayed: Option<Status>) {
        self.sent += 1;
        match (record.status(), replayed) {
            (Some(recorded), Some(replayed)) if recorded == replayed => self.same += 1,
            (Some(recorded), Some(replayed)) => {
                self.different += 1;
                if self.differences.len() < DIFFERENCES_MAX {
                    let command = decode::describe(&record.sqe, record.is_admin()).to_string();
                    self.differences.push(Difference { index, command, recorded, replayed });
                }
            }
            _ => self.not_recorded += 1,
        }
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, same, not_recorded, different, differences, left_out, duration } = self;
        writeln!(
            f,
            "{sent} commands in {duration:.3?}: {same} ended as recorded, {different} did not"
        )?;
        if *not_recorded != 0 {
            writeln!(f, "{not_recorded} of them have no status in the log")?;
        }
        for (why, count) in left_out {
            writeln!(f, "{count} left out: {why}")?;
        }
        for Difference { index, command, recorded, replayed } in differences {
            writeln!(f, "  command {index}: {command}: {replayed}, recorded {recorded}")?;
        }
        match different - differences.len() as u64 {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more"),
        }
    }
}
