//! The loop of a worker: it keeps the queue full, or as full as its pace says.

mod complete;
mod record;
mod slots;
mod stop;
mod submit;
mod verify;

#[cfg(test)]
mod device;

use std::fs::File;
use std::hint;
use std::io::Read;
use std::os::fd::AsFd;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::ppoll;
use nix::time::ClockId;
use nix::time::clock_gettime;

use crate::cmdlog::CmdLog;
use crate::cmdlog::Ring;
use crate::durability::Lane;
use crate::integrity::Writer;
use crate::memory::Cursor;
use crate::memory::Parts;
use crate::memory::hand_over;
use crate::transport::Mmio;

use super::clock::Clock;
use super::job::Job;
use super::job::Lists;
use super::job::Place;
use super::job::Size;
use super::job::Work;
use super::page::Page;
use super::statistics::Recorder;
use super::workload::Filler;
use super::workload::Workload;

use record::Recording;
use slots::Slot;
use slots::Slots;
pub(super) use stop::Stop;
use verify::Named;
use verify::Verifier;

/// So many looks at an empty queue come first, one directly behind the other.
const QUICK_LOOKS: u32 = 1024;

/// After so many further looks the processor is offered to others.
const SPINS: u32 = 48;

/// Unless commands have a time to be submitted at, the time is asked for once in so many looks.
const LOOK_EVERY: u32 = 16;

/// How often the worker shows that it is alive.
const BEAT_EVERY_NS: u64 = 50_000_000;

/// With nothing in flight and so long to go, the worker sleeps, and wakes up so long before.
const SLEEP_FROM_NS: u64 = 2_000_000;

/// When something is to be done, whatever completes.
#[derive(Debug)]
struct Times {
    start: u64,
    /// When no more commands are submitted.
    stop_at: u64,
    /// When the worker shows that it is alive.
    beat_at: u64,
}

/// What there is to know of commands of one size.
#[derive(Debug, Clone, Copy)]
struct Extent {
    blocks: u32,
    bytes: u64,
    lists: Option<Lists>,
}

/// The memory of a queue pair and what else a worker has mapped.
#[derive(Debug)]
pub(super) struct Reach<'w> {
    /// The next entry of the submission queue.
    pub(super) sq: Cursor<8>,
    /// The next entry of the completion queue.
    pub(super) cq: Cursor<2>,
    /// The data of each slot.
    pub(super) data: Parts,
    pub(super) doorbells: &'w Mmio,
    /// Where its commands are logged.
    pub(super) log: Ring,
    /// The log of all, to look who wrote what is wrong.
    pub(super) logs: CmdLog,
    /// By which its data is verified, if it is.
    pub(super) writer: Option<Writer>,
    /// Where it is noted what it does to blocks, if that is followed.
    pub(super) lane: Option<Lane>,
    /// What its completions signal, if it does not poll.
    pub(super) interrupt: Option<File>,
}

/// The queue pair of a worker, and what is in flight.
pub(super) struct Engine<'w> {
    work: &'w Work,
    place: &'w Place,
    reach: Reach<'w>,
    /// SQyTDBL (PCIe Transport 3.1.2.1).
    sq_tail: &'w AtomicU32,
    /// CQyHDBL (PCIe Transport 3.1.2.2).
    cq_head: &'w AtomicU32,
    page: &'w Page,
    clock: Clock,
    /// What the phase tag of the next completion is.
    phase: bool,
    slots: Slots,
    /// Since when nothing has completed, while commands are in flight.
    quiet_since: u64,
    /// By the number of the size in the job.
    extents: Box<[Extent]>,
    /// The first of them.
    first: Extent,
    workload: Workload<'w>,
    filler: Filler,
    /// A block that is filled, before the device can see it.
    block: Box<[u8]>,
    /// How many blocks were written.
    version: u64,
    verifier: Option<Verifier>,
    recording: Option<Recording>,
    /// Whether there is any of these two, or a CRC32 is wanted.
    is_noted: bool,
}

impl<'w> Engine<'w> {
    /// Prepares all that there is to prepare before time counts.
    ///
    /// # Errors
    ///
    /// Fails if a doorbell is not mapped.
    pub(super) fn new(job: &'w Job, mut reach: Reach<'w>, page: &'w Page) -> Result<Self, String> {
        let Job { work, place } = job;
        let depth = usize::from(work.depth);
        let doorbell = |offset| {
            let register = reach.doorbells.register(offset);
            register.ok_or_else(|| format!("the doorbell at {offset:#x} is not mapped"))
        };
        let (sq_tail, cq_head) = (doorbell(place.sq_tail)?, doorbell(place.cq_head)?);
        let extent = |(size, lists): (&Size, &Option<Lists>)| Extent {
            blocks: size.blocks,
            bytes: work.bytes(size),
            lists: *lists,
        };
        let extents: Box<[_]> = work.sizes.iter().zip(&place.lists).map(extent).collect();
        let first = *extents.first().ok_or("its commands have no size")?;
        reach.log.warm();
        if let Some(writer) = &reach.writer {
            writer.warm();
        }
        if reach.writer.is_some() || work.only_crc {
            reach.data.warm();
        }
        let verifier = reach.writer.take().map(|writer| Verifier::new(writer, work.seed, depth));
        let lane = reach.lane.take();
        let recording = lane.map(|lane| Recording::new(lane, depth, work.timeout_ns));
        Ok(Self {
            work,
            place,
            reach,
            sq_tail,
            cq_head,
            page,
            clock: Clock::new(),
            // The memory is zero, and the first pass through the queue writes ones (Base 4.2.4).
            phase: true,
            slots: Slots::new(work.depth, |slot| place.prps(slot, first.bytes, first.lists)),
            quiet_since: 0,
            extents,
            first,
            workload: Workload::new(work),
            filler: Filler::new(work.pattern, work.seed, work.block),
            block: vec![0; work.block].into(),
            version: 0,
            is_noted: verifier.is_some() || recording.is_some() || work.only_crc,
            verifier,
            recording,
        })
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

    /// One turn submits what is due, and takes what has completed.
    ///
    /// The two doorbells of a queue stand in the same cache line, mostly, which the controller looks at all the time, and
    /// who writes to it has to fetch it each time: they are rung one directly behind the other, first that for which
    /// the controller waits.
    fn work(&mut self, start: u64, recorder: &mut Recorder<'_>) -> Result<(), Stop> {
        let stop_at = self.work.time_ns.map_or(u64::MAX, |time| start.saturating_add(time));
        let mut times = Times { start, stop_at, beat_at: start };
        let (mut now, mut is_behind) = (start, false);
        loop {
            if self.slots.has_free() && now < times.stop_at {
                now = self.fill(start, now)?;
            }
            if is_behind {
                self.tell_head();
                is_behind = false;
            }
            if !self.is_completion_there() {
                match self.wait(now, &times)? {
                    Some(later) => now = later,
                    None => return Ok(()),
                }
            }
            if let Some(last) = self.reap(recorder)? {
                (now, self.quiet_since, is_behind) = (last, last, true);
            }
            if times.beat_at <= now {
                self.page.beat(cpu_ns());
                times.beat_at = now + BEAT_EVERY_NS;
            }
        }
    }

    /// Waits until there is a completion or something else to do. Returns the time then, or `None` if all is done.
    ///
    /// What a worker executes here is not its work but its waiting, and the benchmark tells it apart by the name of this
    /// function.
    #[inline(never)]
    fn wait(&mut self, mut now: u64, times: &Times) -> Result<Option<u64>, Stop> {
        let &Times { start, stop_at, beat_at } = times;
        let is_idle = self.slots.in_flight() == 0;
        let due = self.workload.due_ns().filter(|_| now < stop_at);
        let due = due.map(|due| start.saturating_add(due).min(stop_at));
        match due {
            // A completion of nothing is looked at.
            None if is_idle => return Ok(self.is_completion_there().then_some(now)),
            Some(due) if is_idle => sleep_until(now, due),
            _ => {}
        }
        let due = due.filter(|_| self.slots.has_free());
        // While there is nothing else to do: what is logged next has to be fetched, too.
        self.reach.log.fetch_next();
        if due.is_none() && !is_idle && self.reach.interrupt.is_none() && self.is_there_soon() {
            return Ok(Some(now));
        }
        let until = beat_at.min(due.unwrap_or(u64::MAX));
        let mut looks = 0_u32;
        while now < until && !self.is_completion_there() {
            let polls = self.reach.interrupt.is_none();
            if polls {
                if looks < SPINS { hint::spin_loop() } else { thread::yield_now() }
            }
            looks = looks.wrapping_add(1);
            // Where programs cannot read the time by themselves, as in some virtual machines, to ask for it takes longer than the
            // device does.
            if polls && due.is_none() && !looks.is_multiple_of(LOOK_EVERY) {
                continue;
            }
            now = self.clock.now_ns();
            if !is_idle && self.work.timeout_ns < now.saturating_sub(self.quiet_since) {
                return Err(self.nothing_completes().into());
            }
            if let Some(interrupt) = &self.reach.interrupt {
                sleep_until_signalled(interrupt, until.saturating_sub(now))?;
            }
        }
        Ok(Some(now))
    }

    /// Looks often for a moment. A completion comes in less time, mostly, than one clock is read in and the processor
    /// told to rest.
    #[inline(always)]
    fn is_there_soon(&self) -> bool {
        (0..QUICK_LOOKS).any(|_| self.is_completion_there())
    }

    /// Has the controller fetch what was submitted.
    #[inline(always)]
    fn tell_tail(&self) {
        hand_over();
        self.sq_tail.store(self.reach.sq.index(), Ordering::Release);
    }

    /// Tells the controller which completions were taken.
    #[inline(always)]
    fn tell_head(&self) {
        hand_over();
        self.cq_head.store(self.reach.cq.index(), Ordering::Release);
    }

    fn nothing_completes(&self) -> String {
        let in_flight = self.slots.in_flight();
        let after = Duration::from_nanos(self.work.timeout_ns);
        let oldest = self.slots.pending().min_by_key(|pending| pending.submitted_ns);
        let oldest = oldest.map_or_else(String::new, |pending| {
            let Slot { operation, slba, token, .. } = pending;
            let opcode = operation.map_or_else(String::new, |it| it.opcode().to_string());
            format!(", the oldest {opcode} at LBA {slba:#x} ({token})")
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

/// Sleeps until an eventfd is written to, but not longer than `limit_ns`, and takes what was written.
///
/// Who then looks at the queue finds what the signal announced: it was there before.
fn sleep_until_signalled(mut eventfd: &File, limit_ns: u64) -> Result<(), String> {
    let limit = Duration::from_nanos(limit_ns.min(BEAT_EVERY_NS));
    let mut descriptors = [PollFd::new(eventfd.as_fd(), PollFlags::POLLIN)];
    match ppoll(&mut descriptors, Some(limit.into()), None) {
        Ok(0) | Err(Errno::EINTR) => Ok(()),
        Ok(_) => {
            // It does not block: at the worst somebody else has taken it.
            let _ = eventfd.read(&mut [0; 8]);
            Ok(())
        }
        Err(error) => Err(format!("it cannot wait for its interrupt: {error}")),
    }
}

/// How long this process has had a processor.
fn cpu_ns() -> u64 {
    // Linux always has this clock, and it is not negative.
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)
        .map_or(0, |time| time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}
