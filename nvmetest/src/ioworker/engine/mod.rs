//! The loop of a worker: it keeps the queue full, or as full as its pace says.

mod complete;
mod record;
mod stop;
mod submit;
mod verify;

#[cfg(test)]
mod device;

use std::hint;
use std::thread;
use std::time::Duration;

use nix::time::ClockId;
use nix::time::clock_gettime;

use crate::cmdlog::CmdLog;
use crate::cmdlog::Ring;
use crate::cmdlog::Token;
use crate::durability::Lane;
use crate::integrity::Writer;
use crate::memory::Mapping;
use crate::memory::hand_over;
use crate::transport::Mmio;

use super::clock::Clock;
use super::job::Job;
use super::job::Place;
use super::job::Work;
use super::page::Page;
use super::statistics::Recorder;
use super::workload::Filler;
use super::workload::Operation;
use super::workload::Workload;

use record::Recording;
pub(super) use stop::Stop;
use verify::Named;
use verify::Verifier;

/// After so many looks at an empty queue the processor is offered to others.
const SPINS: u32 = 64;

/// How often the worker shows that it is alive.
const BEAT_EVERY_NS: u64 = 50_000_000;

/// With nothing in flight and so long to go, the worker sleeps, and wakes up so long before.
const SLEEP_FROM_NS: u64 = 2_000_000;

/// A command that is in flight.
#[derive(Debug, Clone, Copy)]
struct Pending {
    operation: Operation,
    blocks: u32,
    slba: u64,
    /// When the doorbell was rung.
    submitted_ns: u64,
    token: Token,
}

/// The memory of a queue pair and what else a worker has mapped.
#[derive(Debug)]
pub(super) struct Reach {
    pub(super) sq: Mapping,
    pub(super) cq: Mapping,
    pub(super) data: Mapping,
    pub(super) doorbells: Mmio,
    /// Where its commands are logged.
    pub(super) log: Ring,
    /// The log of all, to look who wrote what is wrong.
    pub(super) logs: CmdLog,
    /// By which its data is verified, if it is.
    pub(super) writer: Option<Writer>,
    /// Where it is noted what it does to blocks, if that is followed.
    pub(super) lane: Option<Lane>,
}

/// The queue pair of a worker, and what is in flight.
pub(super) struct Engine<'w> {
    work: &'w Work,
    place: &'w Place,
    reach: Reach,
    page: &'w Page,
    clock: Clock,
    tail: u32,
    head: u32,
    phase: bool,
    /// Each command in flight, by its identifier, which is the number of its slot.
    slots: Vec<Option<Pending>>,
    free: Vec<u16>,
    /// The slots of the commands that the doorbell was not rung for yet.
    fresh: Vec<u16>,
    workload: Workload<'w>,
    filler: Filler,
    /// A block that is filled, before the device can see it.
    block: Box<[u8]>,
    /// How many blocks were written.
    version: u64,
    verifier: Option<Verifier>,
    recording: Option<Recording>,
}

impl<'w> Engine<'w> {
    pub(super) fn new(job: &'w Job, mut reach: Reach, page: &'w Page) -> Self {
        let Job { work, place } = job;
        let depth = usize::from(work.depth);
        let verifier = reach.writer.take().map(|writer| Verifier::new(writer, work.seed, depth));
        let lane = reach.lane.take();
        let recording = lane.map(|lane| Recording::new(lane, depth, work.timeout_ns));
        Self {
            work,
            place,
            reach,
            page,
            clock: Clock::new(),
            tail: 0,
            head: 0,
            // The memory is zero, and the first pass through the queue writes ones (Base 4.2.4).
            phase: true,
            slots: vec![None; depth],
            free: (0..work.depth).rev().collect(),
            fresh: Vec::with_capacity(depth),
            workload: Workload::new(work),
            filler: Filler::new(work.pattern, work.seed, work.block),
            block: vec![0; work.block].into(),
            version: 0,
            verifier,
            recording,
        }
    }

    /// Works until the job is done and nothing is in flight.
    ///
    /// A command that fails is counted. What the queue cannot go on with is an error, and so is wrong data.
    pub(super) fn run(&mut self) -> Result<(), Stop> {
        let start = self.clock.now_ns();
        let mut recorder = Recorder::new(self.page, start);
        let result = self.work(start, &mut recorder);
        if result.is_ok() {
            self.page.set_elapsed(self.clock.now_ns() - start);
        }
        self.page.beat(cpu_ns());
        result
    }

    fn work(&mut self, start: u64, recorder: &mut Recorder<'_>) -> Result<(), Stop> {
        let stop_at = self.work.time_ns.map_or(u64::MAX, |time| start.saturating_add(time));
        let (mut now, mut beat_at, mut quiet_since) = (start, start, start);
        let mut empty_looks = 0_u32;
        loop {
            let due = self.workload.due_ns().map(|due| start.saturating_add(due));
            let (was_idle, is_over) = (self.is_idle(), stop_at <= now);
            match due {
                Some(due) if due <= now && !is_over => {
                    now = self.fill(start, now)?;
                    quiet_since = if was_idle { now } else { quiet_since };
                }
                Some(due) if was_idle && !is_over => sleep_until(now, due.min(stop_at)),
                _ if was_idle => return Ok(()),
                _ => {}
            }
            if let Some(last) = self.reap(recorder)? {
                (now, quiet_since, empty_looks) = (last, last, 0);
            } else {
                now = self.clock.now_ns();
                if !self.is_idle() && self.work.timeout_ns < now.saturating_sub(quiet_since) {
                    return Err(self.nothing_completes().into());
                }
                empty_looks += 1;
                if empty_looks < SPINS {
                    hint::spin_loop();
                } else {
                    thread::yield_now();
                    empty_looks = SPINS;
                }
            }
            if beat_at <= now {
                self.page.beat(cpu_ns());
                beat_at = now + BEAT_EVERY_NS;
            }
        }
    }

    /// Whether nothing is in flight.
    fn is_idle(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    fn ring(&self, doorbell: u64, value: u32) -> Result<(), String> {
        hand_over();
        let is_mapped = self.reach.doorbells.ring(doorbell, value);
        is_mapped
            .then_some(())
            .ok_or_else(|| format!("the doorbell at {doorbell:#x} is not mapped"))
    }

    fn nothing_completes(&self) -> String {
        let in_flight = self.slots.len() - self.free.len();
        let after = Duration::from_nanos(self.work.timeout_ns);
        let oldest = self.slots.iter().flatten().min_by_key(|pending| pending.submitted_ns);
        let oldest = oldest.map_or_else(String::new, |pending| {
            let Pending { operation, slba, token, .. } = pending;
            format!(", the oldest {} at LBA {slba:#x} ({token})", operation.opcode())
        });
        format!("no completion after {after:?}, with {in_flight} commands in flight{oldest}")
    }
}

fn sleep_until(now: u64, due: u64) {
    let left = due.saturating_sub(now);
    if SLEEP_FROM_NS < left {
        // Not longer than until the next sign of life.
        thread::sleep(Duration::from_nanos((left - SLEEP_FROM_NS / 2).min(BEAT_EVERY_NS)));
    }
}

/// How long this process has had a processor.
fn cpu_ns() -> u64 {
    // Linux always has this clock, and it is not negative.
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)
        .map_or(0, |time| time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}
