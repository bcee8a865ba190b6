//! `stats`: what a log says when it is counted.

mod depth;
mod text;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::io;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::Filter;
use super::ToolError;
use super::output;
use crate::cmdlog::Outcome;
use crate::cmdlog::Record;
use crate::cmdlog::decode;
use crate::ioworker::Latency;
use depth::Depth;

/// What `cmdlog stats` is told.
#[derive(Args, Debug)]
pub struct StatsArguments {
    /// The command log, or a folder that has one
    #[arg(value_name = "LOG")]
    pub log: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Which commands
    #[command(flatten)]
    pub filter: Filter,
}

/// More queues and opcodes than a controller can have are counted in one group: a damaged log must not take all memory.
const GROUPS_MAX: usize = 8192;

/// So many of the commands that never completed are named; the others are counted.
const PENDING_MAX: usize = 20;

/// The counts of a log; made command by command with [`add`](Self::add).
///
/// ```
/// use std::panic::Location;
///
/// use nvmetest::cmdlog::CmdLog;
/// use nvmetest::cmdlog::tools::Stats;
/// use nvmetest::spec::{Cqe, Sqe};
/// use zerocopy::FromZeros;
///
/// let log = CmdLog::new(Default::default())?;
/// let ring = log.ring(1, 1);
/// let token = ring.submitted(&Sqe::with_opcode(2), Location::caller(), 1_000);
/// ring.completed(token, &Cqe::new_zeroed(), 26_000);
///
/// let mut stats = Stats::default();
/// log.stream().for_each(|record| stats.add(&record));
/// assert_eq!(stats.groups()[0].name, "Read");
/// assert_eq!(stats.groups()[0].latency.max_ns(), 25_000);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Default)]
pub struct Stats {
    groups: HashMap<(u16, u8), Tally>,
    /// What found no room among the groups.
    others: u64,
    depths: BTreeMap<u16, Depth>,
    depth: Depth,
    commands: u64,
    first_ns: Option<u64>,
    last_ns: u64,
    pending: Vec<Pending>,
    pending_count: u64,
}

/// The commands of one opcode of one queue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// The submission queue.
    pub sqid: u16,
    /// The opcode.
    pub opcode: u8,
    /// The name of the command in the standard.
    pub name: String,
    /// How many were submitted.
    pub submitted: u64,
    /// How many ended with each status.
    pub statuses: BTreeMap<String, u64>,
    /// How many the host gave up, those included that completed late.
    pub abandoned: u64,
    /// How many have no completion.
    pub pending: u64,
    /// How long the controller took, of those that completed.
    pub latency: Latency,
}

/// A command without a completion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// When it was submitted, in ns after the first command.
    pub after_ns: u64,
    /// The submission queue.
    pub sqid: u16,
    /// CID.
    pub cid: u16,
    /// What it is.
    pub text: String,
    /// Whether the host gave it up.
    pub abandoned: bool,
    /// The line of source.
    pub site: Option<String>,
}

#[derive(Debug, Default)]
struct Tally {
    submitted: u64,
    statuses: BTreeMap<u16, u64>,
    abandoned: u64,
    pending: u64,
    buckets: BTreeMap<u16, u64>,
    sum_ns: u64,
    max_ns: u64,
}

impl Stats {
    /// Counts a command; hand them over in the order of their submission.
    pub fn add(&mut self, record: &Record) {
        let first_ns = *self.first_ns.get_or_insert(record.submitted_ns);
        let known = [
            Some(record.submitted_ns),
            record.completed_ns(),
            super::super::timeline::end_ns(record),
        ];
        self.last_ns = known.into_iter().flatten().fold(self.last_ns, u64::max);
        self.commands += 1;
        self.count(record);

        // A command that was given up is still with the controller, as far as anybody knows.
        let end_ns = record.completed_ns();
        self.depth.add(record.submitted_ns, end_ns);
        if self.depths.len() < GROUPS_MAX || self.depths.contains_key(&record.sqid) {
            self.depths.entry(record.sqid).or_default().add(record.submitted_ns, end_ns);
        }
        if record.cqe().is_none() {
            self.pending_count += 1;
            if self.pending.len() < PENDING_MAX {
                self.pending.push(Pending {
                    after_ns: record.submitted_ns.saturating_sub(first_ns),
                    sqid: record.sqid,
                    cid: record.sqe.cdw0().cid(),
                    text: decode::describe(&record.sqe, record.is_admin()).to_string(),
                    abandoned: matches!(record.outcome, Outcome::Abandoned { .. }),
                    site: record.site.as_ref().map(ToString::to_string),
                });
            }
        }
    }

    fn count(&mut self, record: &Record) {
        let key = (record.sqid, record.sqe.opcode());
        if self.groups.len() == GROUPS_MAX && !self.groups.contains_key(&key) {
            self.others += 1;
            return;
        }
        let tally = self.groups.entry(key).or_default();
        tally.submitted += 1;
        tally.abandoned += u64::from(matches!(record.outcome, Outcome::Abandoned { .. }));
        match (record.status(), record.latency_ns()) {
            (Some(status), Some(latency_ns)) => {
                *tally.statuses.entry(status.0).or_default() += 1;
                *tally.buckets.entry(Latency::bucket(latency_ns)).or_default() += 1;
                tally.sum_ns = tally.sum_ns.saturating_add(latency_ns);
                tally.max_ns = tally.max_ns.max(latency_ns);
            }
            _ => tally.pending += 1,
        }
    }

    /// The counts by queue and opcode, in their order.
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> =
            self.groups.iter().map(|((sqid, opcode), tally)| tally.group(*sqid, *opcode)).collect();
        groups.sort_by_key(|group| (group.sqid, group.opcode));
        groups
    }

    /// The first of the commands without a completion.
    pub fn pending(&self) -> &[Pending] {
        &self.pending
    }
}

impl Tally {
    fn group(&self, sqid: u16, opcode: u8) -> Group {
        let sqe = crate::spec::Sqe::with_opcode(opcode);
        let buckets = self.buckets.iter().map(|(bucket, count)| (*bucket, *count)).collect();
        let statuses = self.statuses.iter();
        Group {
            sqid,
            opcode,
            name: decode::describe(&sqe, sqid == 0).name.into_owned(),
            submitted: self.submitted,
            statuses: statuses
                .map(|(status, count)| (crate::spec::Status(*status).to_string(), *count))
                .collect(),
            abandoned: self.abandoned,
            pending: self.pending,
            latency: Latency::new(buckets, self.sum_ns, self.max_ns),
        }
    }
}

/// The counts as JSON.
#[derive(Serialize)]
struct Json<'a> {
    commands: u64,
    span_ns: u64,
    groups: Vec<JsonGroup>,
    not_counted_by_group: u64,
    depth: depth::Series,
    depth_of_queues: BTreeMap<u16, u64>,
    pending: &'a [Pending],
    pending_count: u64,
}

#[derive(Serialize)]
struct JsonGroup {
    #[serde(flatten)]
    group: Group,
    mean_ns: f64,
    percentiles_ns: BTreeMap<String, u64>,
}

impl JsonGroup {
    fn new(group: Group) -> Self {
        let latency = &group.latency;
        let value = |(name, part): &(&str, f64)| ((*name).to_owned(), latency.percentile_ns(*part));
        let percentiles_ns = text::PERCENTILES.iter().map(value).collect();
        Self { mean_ns: latency.mean_ns(), percentiles_ns, group }
    }
}

impl StatsArguments {
    pub(super) fn run(self) -> Result<ExitCode, ToolError> {
        output::of_log(&self.log, |input, output| {
            let mut stats = Stats::default();
            self.filter.select(input).for_each(|record| stats.add(&record));
            if self.json {
                serde_json::to_writer_pretty(&mut *output, &stats.json())?;
                return writeln!(output);
            }
            write!(output, "{}", stats.text(io::stdout().is_terminal()))
        })
    }
}

impl Stats {
    fn json(&self) -> Json<'_> {
        Json {
            commands: self.commands,
            span_ns: self.span_ns(),
            groups: self.groups().into_iter().map(JsonGroup::new).collect(),
            not_counted_by_group: self.others,
            depth: self.depth.series(),
            depth_of_queues: self
                .depths
                .iter()
                .map(|(sqid, depth)| (*sqid, depth.most()))
                .collect(),
            pending: &self.pending,
            pending_count: self.pending_count,
        }
    }

    fn span_ns(&self) -> u64 {
        self.last_ns.saturating_sub(self.first_ns.unwrap_or(self.last_ns))
    }
}
