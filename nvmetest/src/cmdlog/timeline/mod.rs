//! The log as a picture: when each command was with the controller, queue by queue.
//!
//! A queue has as many lanes as it had commands in flight at the same time, so commands that overlap
//! stand below each other. Long times in which nothing was submitted and nothing completed are cut
//! out, and the picture says how long they were: else a command that hung for five seconds would
//! leave the thousand commands before it one pixel.

mod axis;
mod lanes;
mod svg;

use std::ops::Range;

pub use svg::timeline_svg;

use super::Dump;
use super::Outcome;
use super::Record;
use axis::Axis;
pub(super) use lanes::Lanes;
use lanes::Queue;

/// How a [`timeline_svg`] is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// How many commands are drawn at most: those around the failing one, or else the last.
    pub commands: usize,
    /// How wide the picture is, in units of its own; it is scaled to the page.
    pub width: u32,
}

impl Default for Timeline {
    /// 200 commands, 960 units wide: at most 40 KB.
    fn default() -> Self {
        Self { commands: 200, width: 960 }
    }
}

/// The commands of a picture, where they stand, and the time that they span.
pub(super) struct Plan<'a> {
    pub(super) records: &'a [Record],
    pub(super) queues: Vec<Queue>,
    pub(super) axis: Axis,
}

impl<'a> Plan<'a> {
    /// Chooses what is drawn on `width` units; `None` if there is no command.
    pub(super) fn new(dump: &'a Dump, commands: usize, width: f64) -> Option<Self> {
        let records = &dump.records[window(dump, commands)];
        let start = records.iter().map(|record| record.submitted_ns).min()?;
        let ends = records.iter().filter_map(end_ns);
        let last = ends.chain(records.iter().map(|record| record.submitted_ns)).max()?;
        let mut times: Vec<u64> = records
            .iter()
            .flat_map(|record| [record.submitted_ns, end_ns(record).unwrap_or(last)])
            .map(|at_ns| at_ns.max(start))
            .collect();
        times.sort_unstable();
        Some(Self { records, queues: lanes::assign(records), axis: Axis::new(&times, width) })
    }
}

/// When the command was no longer with the controller, as far as the host knew.
pub(super) fn end_ns(record: &Record) -> Option<u64> {
    let at_ns = match record.outcome {
        Outcome::InFlight => return None,
        Outcome::Completed { at_ns, .. } | Outcome::Abandoned { at_ns, .. } => at_ns,
    };
    // Time that runs backwards can only come from a damaged log.
    Some(at_ns.max(record.submitted_ns))
}

/// The commands around the failing one, or else the last.
pub(super) fn window(dump: &Dump, commands: usize) -> Range<usize> {
    let all = dump.records.len();
    let failing = dump
        .failing
        .and_then(|failing| dump.records.iter().position(|record| record.token == failing));
    // What led to a failure tells more than what came after it.
    let end =
        failing.map_or(all, |index| (index + 1 + commands / 4).min(all).max(commands.min(all)));
    end.saturating_sub(commands)..end
}

#[cfg(test)]
mod tests;
