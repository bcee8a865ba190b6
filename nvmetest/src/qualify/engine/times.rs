//! How long the commands of a test took, by the command log.

use std::collections::BTreeMap;

use crate::cmdlog::CmdLog;
use crate::cmdlog::Outcome;
use crate::cmdlog::Record;
use crate::cmdlog::Token;
use crate::cmdlog::decode;
use crate::qualify::profile::PERCENTILES;
use crate::results::CommandTimes;
use crate::results::is_enough;
use crate::spec::AdminOpcode;
use crate::spec::Sqe;

/// The commands of one opcode in a test.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Timed {
    pub(super) times: CommandTimes,
    /// The one that took longest.
    pub(super) slowest: Token,
}

/// Returns how long the commands took that were submitted from one time until another (CLOCK_MONOTONIC, in ns), for each opcode
/// of admin and of I/O commands.
///
/// A command that was not completed took at least until it was given up, or until the end.
pub(super) fn of(log: &CmdLog, since_ns: u64, until_ns: u64) -> Vec<Timed> {
    let mut opcodes: BTreeMap<(bool, u8), Opcode> = BTreeMap::new();
    log.each_since(since_ns, |record| {
        let opcode = record.sqe.opcode();
        let waits = record.is_admin() && opcode == AdminOpcode::ASYNC_EVENT_REQUEST.0;
        if until_ns <= record.submitted_ns || waits {
            return;
        }
        opcodes.entry((!record.is_admin(), opcode)).or_default().add(record, until_ns);
    });
    opcodes.into_iter().filter_map(|((_, opcode), them)| them.timed(opcode)).collect()
}

#[derive(Default)]
struct Opcode {
    took_ns: Vec<u64>,
    pending: u64,
    slowest: Option<(u64, Record)>,
}

impl Opcode {
    fn add(&mut self, record: Record, until_ns: u64) {
        let took_ns = record.latency_ns().unwrap_or_else(|| {
            self.pending += 1;
            let given_up = match record.outcome {
                Outcome::Abandoned { at_ns, .. } => at_ns,
                _ => until_ns,
            };
            given_up.saturating_sub(record.submitted_ns)
        });
        self.took_ns.push(took_ns);
        if self.slowest.as_ref().is_none_or(|(most, _)| *most < took_ns) {
            self.slowest = Some((took_ns, record));
        }
    }

    fn timed(mut self, opcode: u8) -> Option<Timed> {
        let (_, slowest) = self.slowest?;
        self.took_ns.sort_unstable();
        let count = self.took_ns.len() as u64;
        let enough = PERCENTILES.into_iter().filter(|&at| is_enough(at, count));
        let admin = slowest.is_admin();
        let site = slowest.site.as_ref().map_or(String::new(), |site| format!(" ({site})"));
        let times = CommandTimes {
            command: decode::describe(&Sqe::with_opcode(opcode), admin).name.into_owned(),
            admin,
            count,
            pending: self.pending,
            latency: enough.map(|at| (at, percentile(&self.took_ns, at))).collect(),
            limits: Vec::new(),
            slowest: format!("{}{site}", decode::describe(&slowest.sqe, admin)),
        };
        Some(Timed { times, slowest: slowest.token })
    }
}

/// Returns what `at` of a hundred did not exceed. There is one at the least, and they are sorted.
fn percentile(sorted: &[u64], at: f64) -> u64 {
    // Rounding must not make 99.9 % of 1000 commands 1000.
    let rank = (sorted.len() as f64 * at / 100.0 - 1e-6).ceil().max(1.0) as usize;
    sorted[rank.min(sorted.len()) - 1]
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use zerocopy::FromZeros;

    use super::*;
    use crate::cmdlog::Ring;
    use crate::spec::Cqe;

    /// Logs a command that takes so long.
    fn took(ring: &Ring, opcode: u8, at_ns: u64, ns: u64) {
        let token = ring.submitted(&Sqe::with_opcode(opcode), Location::caller(), at_ns);
        ring.completed(token, &Cqe::new_zeroed(), at_ns + ns);
    }

    #[test]
    fn each_opcode_has_its_times_and_those_of_other_tests_do_not_count() {
        let log = CmdLog::new(crate::cmdlog::Geometry::default()).unwrap();
        let (admin, io) = (log.ring(0, 0), log.ring(1, 1));
        took(&admin, AdminOpcode::IDENTIFY.0, 50, 9_000_000);
        took(&admin, AdminOpcode::IDENTIFY.0, 100, 7);
        took(&admin, AdminOpcode::ASYNC_EVENT_REQUEST.0, 110, 8_000_000);
        for number in 0..1000 {
            took(&io, 2, 200 + number, 1 + number);
        }
        took(&admin, AdminOpcode::IDENTIFY.0, 5_000, 9_000_000);

        let timed = of(&log, 100, 5_000);
        let figures: Vec<_> = timed.iter().map(|it| (&*it.times.command, it.times.count)).collect();
        assert_eq!(figures, [("Identify", 1), ("Read", 1000)]);
        assert_eq!(timed[0].times.latency, [(100.0, 7)], "one command has no percentiles");
        let read = &timed[1].times;
        assert_eq!(
            read.latency,
            [(1.0, 10), (50.0, 500), (90.0, 900), (99.0, 990), (99.9, 999), (100.0, 1000)]
        );
        assert!(read.slowest.starts_with("Read nsid=0 "), "{}", read.slowest);
        assert!(read.slowest.contains("times.rs:"), "{}", read.slowest);
        let slowest = log.records(&crate::cmdlog::Selection::all().io_opcode(2)).pop().unwrap();
        assert_eq!(timed[1].slowest, slowest.token);
    }

    #[test]
    fn a_command_that_never_completes_took_as_long_as_anybody_waited() {
        let log = CmdLog::new(crate::cmdlog::Geometry::default()).unwrap();
        let io = log.ring(1, 1);
        io.submitted(&Sqe::with_opcode(1), Location::caller(), 100);
        let given_up = io.submitted(&Sqe::with_opcode(2), Location::caller(), 100);
        io.abandoned(given_up, 400);
        let timed = of(&log, 0, 1_000);
        let of = |it: &Timed| (it.times.pending, it.times.at(100.0));
        assert_eq!((of(&timed[0]), of(&timed[1])), ((1, Some(900)), (1, Some(300))));
    }
}
