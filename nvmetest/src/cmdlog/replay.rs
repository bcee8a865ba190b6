//! The I/O commands of a log, sent again.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;
use std::time::Instant;

use clap::ValueEnum;
use zerocopy::little_endian::U32;

use super::Record;
use super::decode;
use super::timeline::Lanes;
use super::timeline::end_ns;
use crate::Buffer;
use crate::Controller;
use crate::Error;
use crate::Expected;
use crate::Namespace;
use crate::Nvm;
use crate::Qpair;
use crate::Result;
use crate::Ticket;
use crate::memory::Sink;
use crate::memory::Slice;
use crate::queue::Io;
use crate::queue::scope_all;
use crate::runner::splitmix;
use crate::spec::NvmOpcode;
use crate::spec::Status;
use crate::spec::sqe::Fuse;

/// A transfer of more is left out: no controller takes it, and it is the size of the memory that is lent.
const TRANSFER_MAX: usize = 8 << 20;

/// A queue of more commands is not made.
const DEPTH_MAX: u16 = 1023;

/// So many differences are kept; the others are counted.
const DIFFERENCES_MAX: usize = 100;

/// Times of a damaged log would be waited for in vain.
const SPAN_MAX: Duration = Duration::from_secs(24 * 3600);

/// The longest pause in which nobody looks at the controller.
const NAP: Duration = Duration::from_millis(20);

/// The bits of CDW12 that a command has besides its blocks and protection information: FUA and LR.
const FUA_AND_LR: u32 = 0b11 << 30;

/// How recorded commands are sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// When they are sent.
    pub speed: Speed,
    /// Whether commands are sent that change what the namespace holds.
    pub writes: bool,
    /// What the data of writes comes from.
    pub seed: u64,
}

/// When recorded commands are sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Speed {
    /// As long after the first one as they were, or as soon as there is room.
    #[default]
    AsRecorded,
    /// As soon as their queue has room: at most as many are in flight as there were.
    Max,
}

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

/// Sends the I/O commands of a log to a controller, and compares what they end with.
///
/// Each recorded queue has one here, as far as the controller has so many, with as many commands in flight
/// at most as it had. Reads, writes, Write Zeroes, Write Uncorrectable, Verify and Flush are sent, with their blocks
/// and FUA, to the namespace of the same identifier. What is written are random numbers from the seed, and not what was
/// written then, which no log has; so Compare is left out, as are Dataset Management, of which the log does not
/// have the ranges, fused commands, and all that is not of the NVM command set. A command that never completed is sent, too:
/// perhaps it does now.
///
/// ```
/// use nvmetest::cmdlog::{Replay, Selection, replay};
/// # fn main() -> nvmetest::Result {
/// # let nvme = nvmetest_fixtures::soft::controller("soft:")?;
/// let ns = nvme.namespace(1)?;
/// let q = nvme.qpair(4)?;
/// let mut buf = nvme.buffer(ns.block());
/// ns.read(&mut buf, 7).run(&q)?;
///
/// let records = nvme.cmdlog().records(&Selection::all());
/// let replayed = replay(&nvme, &records, &Replay::default())?;
/// assert_eq!((replayed.sent, replayed.different), (1, 0));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Fails with [`Error::Blocked`] if there are writes, and [`Replay::writes`] does not allow them: then nothing was
/// sent; and if they span more than a day, and are to be sent as recorded. Fails if a queue cannot be made, or if a command does not complete in time. Another status is
/// no error: see [`Replayed::differences`].
pub fn replay(nvme: &Controller, records: &[Record], options: &Replay) -> Result<Replayed> {
    let mut replayed = Replayed::default();
    let namespaces = namespaces(nvme)?;
    let steps = plan(records, &namespaces, &mut replayed);
    let writes = steps.iter().filter(|step| step.action.writes()).count();
    if writes != 0 && !options.writes {
        return Err(Error::Blocked(format!(
            "{writes} of the recorded commands write to the namespace; allow that (`--writes`), or leave them out"
        )));
    }
    let span = Duration::from_nanos(steps.iter().map(|step| step.after_ns).max().unwrap_or(0));
    if options.speed == Speed::AsRecorded && SPAN_MAX < span {
        return Err(Error::Blocked(format!(
            "the commands span {} hours; send them without pauses (`--speed max`), or choose some of them",
            span.as_secs() / 3600
        )));
    }
    let depths = depths(records, &steps);
    let queues = queues(nvme, &depths)?;
    if queues.is_empty() {
        return Ok(replayed);
    }

    let longest = steps.iter().map(|step| step.bytes).max().unwrap_or(0).max(1);
    let mut memory = nvme.try_buffer(longest)?;
    let mut data = nvme.try_buffer(longest)?;
    let mut state = options.seed;
    for chunk in data[..].chunks_mut(8) {
        let word = splitmix(&mut state).to_le_bytes();
        chunk.copy_from_slice(&word[..chunk.len()]);
    }
    let (sink, data) = (memory.as_sink(), &data);
    let start = Instant::now();
    let queue_of = depths.keys().zip((0..queues.len()).cycle()).map(|(sqid, at)| (*sqid, at));
    let queue_of: BTreeMap<u16, usize> = queue_of.collect();
    let depths: Vec<usize> = queues.iter().map(Qpair::depth).collect();
    let statuses = scope_all(&queues, |ios| {
        let mut sender = Sender {
            ios,
            flying: ios.iter().map(|_| VecDeque::new()).collect(),
            depths,
            queue_of,
            sink,
            data,
            statuses: vec![None; steps.len()],
        };
        for (number, step) in steps.iter().enumerate() {
            if options.speed == Speed::AsRecorded {
                let at = start.checked_add(Duration::from_nanos(step.after_ns));
                sender.poll_until(at.unwrap_or(start))?;
            }
            sender.send(number, step)?;
        }
        sender.finish()
    })?;
    replayed.duration = start.elapsed();
    for (step, status) in steps.iter().zip(statuses) {
        replayed.compare(step.index, &records[step.index], status);
    }
    Ok(replayed)
}

impl Replayed {
    fn compare(&mut self, index: usize, record: &Record, replayed: Option<Status>) {
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

/// A command to send.
struct Step<'n> {
    index: usize,
    after_ns: u64,
    sqid: u16,
    namespace: &'n Namespace<'n>,
    action: Action,
    slba: u64,
    blocks: u32,
    bytes: usize,
    /// CDW12 and CDW13, without blocks.
    flags: u32,
    hints: u32,
    /// FFFFFFFFh for a Flush of all namespaces.
    nsid: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Read,
    Write,
    WriteZeroes,
    WriteUncorrectable,
    Verify,
    Flush,
}

impl Action {
    fn of(opcode: NvmOpcode) -> Result<Self, &'static str> {
        match opcode {
            NvmOpcode::READ => Ok(Self::Read),
            NvmOpcode::WRITE => Ok(Self::Write),
            NvmOpcode::WRITE_ZEROES => Ok(Self::WriteZeroes),
            NvmOpcode::WRITE_UNCORRECTABLE => Ok(Self::WriteUncorrectable),
            NvmOpcode::VERIFY => Ok(Self::Verify),
            NvmOpcode::FLUSH => Ok(Self::Flush),
            NvmOpcode::COMPARE => Err("the log does not have what a Compare compares with"),
            NvmOpcode::DATASET_MANAGEMENT => {
                Err("the log does not have the ranges of Dataset Management")
            }
            _ => Err("commands of this kind are not replayed"),
        }
    }

    fn writes(self) -> bool {
        matches!(self, Self::Write | Self::WriteZeroes | Self::WriteUncorrectable)
    }

    fn transfers(self) -> bool {
        matches!(self, Self::Read | Self::Write)
    }
}

fn namespaces(nvme: &Controller) -> Result<Vec<Namespace<'_>>> {
    nvme.active_namespaces()?.into_iter().map(|nsid| nvme.namespace(nsid)).collect()
}

/// Says what is sent, and counts what is left out.
fn plan<'n>(
    records: &[Record],
    namespaces: &'n [Namespace<'n>],
    replayed: &mut Replayed,
) -> Vec<Step<'n>> {
    let io = || records.iter().enumerate().filter(|(_, record)| !record.is_admin());
    let start = io().map(|(_, record)| record.submitted_ns).min().unwrap_or(0);
    let step = |index: usize, record: &Record| -> Result<Step<'n>, &'static str> {
        let sqe = &record.sqe;
        let action = Action::of(sqe.nvm_opcode())?;
        if sqe.cdw0().fuse() != Fuse::NORMAL {
            return Err("fused commands are not replayed");
        }
        let nsid = sqe.nsid.get();
        let all = action == Action::Flush && nsid == u32::MAX;
        let namespace = namespaces.iter().find(|namespace| all || namespace.nsid() == nsid);
        let namespace = namespace.ok_or("the device has no such namespace")?;
        let blocks = (sqe.cdw12.get() & 0xFFFF) + 1;
        let bytes = if action.transfers() { blocks as usize * namespace.block() } else { 0 };
        if TRANSFER_MAX < bytes {
            return Err("transfers of more than 8 MiB are not replayed");
        }
        Ok(Step {
            index,
            after_ns: record.submitted_ns - start,
            sqid: record.sqid,
            namespace,
            action,
            slba: u64::from(sqe.cdw11.get()) << 32 | u64::from(sqe.cdw10.get()),
            blocks,
            bytes,
            flags: sqe.cdw12.get() & FUA_AND_LR,
            hints: if action.transfers() { sqe.cdw13.get() & 0xFF } else { 0 },
            nsid,
        })
    };
    let mut steps = Vec::new();
    for (index, record) in io() {
        match step(index, record) {
            Ok(step) => steps.push(step),
            Err(why) => *replayed.left_out.entry(why).or_default() += 1,
        }
    }
    steps
}

/// How many commands were in flight at most, for each recorded queue.
fn depths(records: &[Record], steps: &[Step<'_>]) -> BTreeMap<u16, u16> {
    let mut queues: BTreeMap<u16, (Lanes, u16)> = BTreeMap::new();
    for step in steps {
        let record = &records[step.index];
        let (lanes, depth) = queues.entry(step.sqid).or_default();
        // A command that never completed takes no room for ever: perhaps it completes now.
        let end_ns = end_ns(record).or(Some(record.submitted_ns.saturating_add(1)));
        let lane = u16::try_from(lanes.take(record.submitted_ns, end_ns)).unwrap_or(DEPTH_MAX);
        *depth = (*depth).max(lane.saturating_add(1));
    }
    queues.into_iter().map(|(sqid, (_, depth))| (sqid, depth)).collect()
}

/// Makes a queue pair for each recorded queue, as long as the controller has some.
fn queues<'c>(nvme: &'c Controller, depths: &BTreeMap<u16, u16>) -> Result<Vec<Qpair<'c>>> {
    let entries = nvme.capabilities().cap.max_queue_entries();
    let most = u16::try_from(entries.saturating_sub(1)).unwrap_or(u16::MAX).clamp(1, DEPTH_MAX);
    let mut queues: Vec<Qpair<'c>> = Vec::new();
    for depth in depths.values() {
        match nvme.qpair((*depth).min(most)) {
            Ok(queue) => queues.push(queue),
            Err(Error::NoQueue { .. }) if !queues.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(queues)
}

/// What is in flight.
struct Sender<'scope, 'env> {
    ios: &'scope [Io<'scope, 'env, Nvm>],
    depths: Vec<usize>,
    /// Which of them a recorded queue has; several share one where there are too few.
    queue_of: BTreeMap<u16, usize>,
    sink: Sink<'scope>,
    data: &'scope Buffer,
    flying: Vec<VecDeque<Flying<'scope>>>,
    statuses: Vec<Option<Status>>,
}

/// A command in flight: its number, and its ticket.
struct Flying<'scope>(usize, AnyTicket<'scope>);

enum AnyTicket<'scope> {
    Read(Ticket<'scope, Sink<'scope>>),
    Write(Ticket<'scope, Slice<'scope>>),
    Other(Ticket<'scope>),
}

impl AnyTicket<'_> {
    fn is_done(&self) -> bool {
        match self {
            Self::Read(ticket) => ticket.completion().is_some(),
            Self::Write(ticket) => ticket.completion().is_some(),
            Self::Other(ticket) => ticket.completion().is_some(),
        }
    }

    fn reap(self) -> Result<Status> {
        Ok(match self {
            Self::Read(ticket) => ticket.reap()?.0.status,
            Self::Write(ticket) => ticket.reap()?.0.status,
            Self::Other(ticket) => ticket.reap()?.0.status,
        })
    }
}

impl<'scope> Sender<'scope, '_> {
    /// Takes completions until a time has come.
    fn poll_until(&mut self, at: Instant) -> Result<()> {
        while Instant::now() < at {
            self.poll()?;
            // What is far away is not waited for with a processor.
            if self.flying.iter().all(VecDeque::is_empty) {
                let left = at.saturating_duration_since(Instant::now());
                std::thread::sleep(left.saturating_sub(Duration::from_micros(100)).min(NAP));
            }
        }
        Ok(())
    }

    /// Takes the completions that have come.
    fn poll(&mut self) -> Result<()> {
        for queue in 0..self.flying.len() {
            while self.flying[queue].front().is_some_and(|flying| flying.1.is_done()) {
                self.reap(queue)?;
            }
        }
        Ok(())
    }

    /// Waits for the oldest command of a queue.
    fn reap(&mut self, queue: usize) -> Result<()> {
        if let Some(Flying(number, ticket)) = self.flying[queue].pop_front() {
            self.statuses[number] = Some(ticket.reap()?);
        }
        Ok(())
    }

    fn send(&mut self, number: usize, step: &Step<'_>) -> Result<()> {
        let queue = self.queue_of.get(&step.sqid).copied().unwrap_or(0);
        while self.depths[queue] <= self.flying[queue].len() {
            self.reap(queue)?;
        }
        let (io, namespace) = (&self.ios[queue], step.namespace);
        let edit = |sqe: &mut crate::spec::Sqe| {
            sqe.nsid = U32::new(step.nsid);
            sqe.cdw12 = U32::new(sqe.cdw12.get() | step.flags);
            sqe.cdw13 = U32::new(step.hints);
        };
        let ticket = match step.action {
            Action::Read => {
                let command = namespace.read(self.sink.first(step.bytes), step.slba).edit(edit);
                AnyTicket::Read(command.expect(Expected::Any).submit(io))
            }
            Action::Write => {
                let data = self.data.slice(0..step.bytes);
                let command = namespace.write(data, step.slba).edit(edit);
                AnyTicket::Write(command.expect(Expected::Any).submit(io))
            }
            other => {
                let command = match other {
                    Action::WriteZeroes => namespace.write_zeroes(step.slba, step.blocks),
                    Action::WriteUncorrectable => {
                        namespace.write_uncorrectable(step.slba, step.blocks)
                    }
                    Action::Verify => namespace.verify(step.slba, step.blocks),
                    _ => namespace.flush(),
                };
                let command = command.edit(|sqe| sqe.nsid = U32::new(step.nsid));
                AnyTicket::Other(command.expect(Expected::Any).submit(io))
            }
        };
        self.flying[queue].push_back(Flying(number, ticket));
        Ok(())
    }

    /// Waits for all commands, and returns their statuses.
    fn finish(mut self) -> Result<Vec<Option<Status>>> {
        for queue in 0..self.flying.len() {
            while !self.flying[queue].is_empty() {
                self.reap(queue)?;
            }
        }
        Ok(self.statuses)
    }
}
