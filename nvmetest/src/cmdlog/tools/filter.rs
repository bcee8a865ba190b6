//! Which commands are wanted.

use std::collections::VecDeque;

use clap::Args;

use super::Input;
use super::LbaRange;
use super::Moment;
use super::OpcodeFilter;
use super::StatusFilter;
use crate::cmdlog::Record;
use crate::cmdlog::decode;

/// Conditions on commands; one that may be given several times holds if any of them does.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which commands")]
pub struct Filter {
    /// Those of this submission queue; 0 is the Admin Submission Queue
    #[arg(long = "queue", value_name = "SQID")]
    pub queues: Vec<u16>,
    /// Those of this opcode, by name (`write-zeroes`) or number (`0x08`)
    #[arg(long = "opcode", value_name = "OPCODE")]
    pub opcodes: Vec<OpcodeFilter>,
    /// Admin commands only
    #[arg(long, conflicts_with = "io")]
    pub admin: bool,
    /// I/O commands only
    #[arg(long)]
    pub io: bool,
    /// Those that name one of these blocks: `4096`, `0..1024`, `0x10..=0x1f`
    #[arg(long = "lba", value_name = "RANGE")]
    pub lba: Option<LbaRange>,
    /// Those that ended so: `success`, `error`, `none` (no completion), `late`, a name, or a number (`0x80`, `1/2`)
    #[arg(long = "status", value_name = "STATUS")]
    pub statuses: Vec<StatusFilter>,
    /// Those submitted at this time or later, from the first command of the log on: `1.5s`, `20ms`, `300us`
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,
    /// Those submitted before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,
    /// Those that this process submitted
    #[arg(long, value_name = "PID")]
    pub process: Option<u32>,
    /// Of the others, the first so many only
    #[arg(long, value_name = "N")]
    pub first: Option<usize>,
    /// Of the others, the last so many only
    #[arg(long, value_name = "N", conflicts_with = "first")]
    pub last: Option<usize>,
}

impl Filter {
    /// Hands out the commands of a log that meet all conditions, in the order of their submission.
    ///
    /// With `last`, so many are held in memory, and else one.
    pub fn select<'a>(&'a self, input: &'a mut Input) -> Box<dyn Iterator<Item = Record> + 'a> {
        let origin_ns = input.origin_ns();
        let found = input.filter(move |record| self.holds(record, origin_ns));
        match (self.first, self.last) {
            (Some(first), _) => Box::new(found.take(first)),
            (None, Some(last)) => {
                let mut kept = VecDeque::new();
                for record in found {
                    if kept.len() == last {
                        kept.pop_front();
                    }
                    if kept.len() < last {
                        kept.push_back(record);
                    }
                }
                Box::new(kept.into_iter())
            }
            (None, None) => Box::new(found),
        }
    }

    /// Whether a command meets all conditions but `first` and `last`; times are after `origin_ns`.
    pub fn holds(&self, record: &Record, origin_ns: u64) -> bool {
        let after = record.submitted_ns.saturating_sub(origin_ns);
        (!self.admin || record.is_admin())
            && (!self.io || !record.is_admin())
            && self.since.is_none_or(|since| since.ns() <= after)
            && self.until.is_none_or(|until| after < until.ns())
            && self.process.is_none_or(|process| process == record.process)
            && (self.queues.is_empty() || self.queues.contains(&record.sqid))
            && (self.opcodes.is_empty() || self.opcodes.iter().any(|it| it.holds(record)))
            && (self.statuses.is_empty() || self.statuses.iter().any(|it| it.holds(record)))
            && self.lba.as_ref().is_none_or(|wanted| {
                decode::blocks(&record.sqe, record.is_admin())
                    .is_some_and(|blocks| wanted.overlaps(&blocks))
            })
    }

    /// Whether every command meets the conditions.
    pub(super) fn is_empty(&self) -> bool {
        let Self { queues, opcodes, admin, io, lba, statuses, since, until, process, first, last } =
            self;
        queues.is_empty()
            && opcodes.is_empty()
            && statuses.is_empty()
            && !(*admin || *io)
            && lba.is_none()
            && since.or(*until).is_none()
            && process.is_none()
            && first.or(*last).is_none()
    }
}
