//! The I/O commands of a log, sent again.

mod outcome;
mod plan;
mod sender;

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use clap::ValueEnum;

pub use self::outcome::Difference;
pub use self::outcome::Replayed;
use self::plan::depths;
use self::plan::namespaces;
use self::plan::plan;
use self::sender::Sender;
use super::Record;
use crate::Controller;
use crate::Error;
use crate::Qpair;
use crate::Result;
use crate::queue::scope_all;
use crate::runner::splitmix;

/// A queue of more commands is not made.
const DEPTH_MAX: u16 = 1023;

/// Times of a damaged log would be waited for in vain.
const SPAN_MAX: Duration = Duration::from_secs(24 * 3600);

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

/// Sends the I/O commands of a log to a controller, and compares what they end with.
///
/// Each recorded queue has one here, as far as the controller has so many, with as many commands in flight
/// at most as it had. Reads, writes, Write Zeroes, Write Uncorrectable, Verify and Flush are sent, with their blocks
/// and FUA, to the namespace of the same identifier. A command that never completed is sent, too: perhaps it does now.
///
/// A log has the submission queue entries, and none of the data that they point to. So what is written are random numbers from
/// the seed, and not what was written then, and these are left out and counted, each with its reason:
///
/// * Compare (NVM 3.3.1), whose status is about the data that the host lent and those of the namespace; neither is known.
/// * Dataset Management (NVM 3.3.3): its ranges are in the memory that DPTR points to. CDW10 has only how many there are.
/// * Fused commands (Base 3.4.2): the one fused operation of the NVM command set is Compare and Write, and its first is a Compare.
///   To send the second alone would write where the pair perhaps did not.
/// * Copy (NVM 3.3.2), whose source ranges are in memory, too, and all that is not of the NVM command set.
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
