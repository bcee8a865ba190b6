//! The loop of a worker: it keeps the queue full.

use std::hint;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;
use zerocopy::little_endian::U64;
use zerocopy::transmute;

use crate::cmdlog::now_ns;
use crate::memory::Mapping;
use crate::memory::hand_over;
use crate::runner::splitmix;
use crate::spec::Cqe;
use crate::spec::NvmOpcode;
use crate::spec::Sqe;
use crate::transport::Mmio;

use super::FailedCommand;
use super::Statistics;
use super::job::Job;
use super::job::Place;
use super::job::Work;
use super::page::Page;

/// After so many looks at an empty queue the processor is offered to others.
const SPINS: u32 = 64;

/// A command that is in flight.
#[derive(Debug, Clone, Copy)]
struct Pending {
    opcode: NvmOpcode,
    slba: u64,
}

/// The queue pair of a worker, and what is in flight.
pub(super) struct Engine<'w> {
    work: &'w Work,
    place: &'w Place,
    sq: Mapping,
    cq: Mapping,
    data: Mapping,
    doorbells: Mmio,
    page: &'w Page,
    tail: u32,
    head: u32,
    phase: bool,
    /// Each command in flight, by its identifier, which is the number of its slot.
    slots: Vec<Option<Pending>>,
    free: Vec<u16>,
    submitted: u64,
    next: Next,
    counted: Statistics,
}

impl<'w> Engine<'w> {
    pub(super) fn new(
        job: &'w Job,
        sq: Mapping,
        cq: Mapping,
        data: Mapping,
        doorbells: Mmio,
        page: &'w Page,
    ) -> Self {
        let Job { work, place } = job;
        let counted = page.read();
        Self {
            work,
            place,
            sq,
            cq,
            data,
            doorbells,
            page,
            tail: 0,
            head: 0,
            // The memory is zero, and the first pass through the queue writes ones (Base 4.2.4).
            phase: true,
            slots: vec![None; work.depth.into()],
            free: (0..work.depth).rev().collect(),
            submitted: 0,
            next: Next::new(work),
            counted,
        }
    }

    /// Works until the job is done and nothing is in flight.
    ///
    /// A command that fails is counted. What the queue cannot go on with is an error.
    pub(super) fn run(&mut self) -> Result<(), String> {
        let start = now_ns();
        let stop_at = self.work.time_ns.map(|time| start.saturating_add(time));
        let (mut last_completion, mut empty_looks) = (start, 0_u32);
        loop {
            let now = now_ns();
            if stop_at.is_none_or(|stop_at| now < stop_at) {
                self.fill()?;
            }
            if self.free.len() == self.slots.len() {
                return Ok(());
            }
            if self.reap()? {
                (last_completion, empty_looks) = (now_ns(), 0);
                self.counted.elapsed = Duration::from_nanos(last_completion - start);
                self.page.write(&self.counted);
                continue;
            }
            if self.work.timeout_ns < now.saturating_sub(last_completion) {
                return Err(self.nothing_completes());
            }
            empty_looks += 1;
            if empty_looks < SPINS {
                hint::spin_loop();
            } else {
                thread::yield_now();
                empty_looks = SPINS;
            }
        }
    }

    /// Submits commands as long as there are slots and commands left.
    fn fill(&mut self) -> Result<(), String> {
        let before = self.tail;
        while self.work.count.is_none_or(|count| self.submitted < count)
            && let Some(slot) = self.free.pop()
        {
            self.submit(slot);
        }
        if self.tail == before {
            return Ok(());
        }
        self.ring(self.place.sq_tail, self.tail)
    }

    fn submit(&mut self, slot: u16) {
        let (opcode, slba) = self.next.command();
        let io_bytes = self.work.io_bytes();
        if opcode == NvmOpcode::WRITE {
            self.stamp(slot, slba);
        }
        let mut sqe = Sqe::with_opcode(opcode.0);
        sqe.set_cid(slot);
        sqe.nsid = U32::new(self.work.nsid);
        sqe.dptr = self.place.data_pointer(slot, io_bytes).map(U64::new);
        sqe.cdw10 = U32::new(slba as u32);
        sqe.cdw11 = U32::new((slba >> 32) as u32);
        sqe.cdw12 = U32::new(self.work.io_blocks - 1);
        self.sq.write(self.tail as usize * size_of::<Sqe>(), sqe.as_bytes());
        self.tail = (self.tail + 1) % self.place.entries;
        self.slots[usize::from(slot)] = Some(Pending { opcode, slba });
        self.submitted += 1;
    }

    /// Writes to the head of each block its LBA and the seed.
    fn stamp(&self, slot: u16, slba: u64) {
        let base = usize::from(slot) * self.place.slot_bytes as usize;
        for number in 0..self.work.io_blocks {
            let stamp = [slba + u64::from(number), self.work.seed].map(u64::to_le);
            self.data.write(base + number as usize * self.work.block, stamp.as_bytes());
        }
    }

    /// Takes all completions that are there. Returns whether there was one.
    fn reap(&mut self) -> Result<bool, String> {
        let before = (self.head, self.phase);
        while let Some(cqe) = self.completion() {
            self.head += 1;
            if self.head == self.place.entries {
                (self.head, self.phase) = (0, !self.phase);
            }
            self.complete(&cqe)?;
        }
        if before == (self.head, self.phase) {
            return Ok(false);
        }
        self.ring(self.place.cq_head, self.head)?;
        Ok(true)
    }

    /// Reads the next entry of the completion queue, if the controller has written it.
    fn completion(&self) -> Option<Cqe> {
        let entry = self.cq.words::<4>(self.head as usize * size_of::<Cqe>());
        // The dword with the phase tag is read first, and orders the rest: the controller writes it last.
        let dword3 = entry[3].load(Ordering::Acquire);
        let dword = |number: usize| entry[number].load(Ordering::Relaxed);
        let dwords = [dword(0), dword(1), dword(2), dword3];
        let cqe: Cqe = transmute!(dwords);
        (cqe.phase() == self.phase).then_some(cqe)
    }

    fn complete(&mut self, cqe: &Cqe) -> Result<(), String> {
        let (cid, sqid) = (cqe.cid.get(), cqe.sqid.get());
        if sqid != self.place.sqid {
            let own = self.place.sqid;
            return Err(format!(
                "a completion names submission queue {sqid} and not {own} (Base 4.2.1, SQ Identifier)"
            ));
        }
        let pending = self.slots.get_mut(usize::from(cid)).and_then(Option::take);
        let Some(Pending { opcode, slba }) = pending else {
            return Err(format!(
                "a completion names command identifier {cid:#06x}, which is not in flight (Base 4.2.1, Command \
                 Identifier)"
            ));
        };
        self.free.push(cid);
        let counted = &mut self.counted;
        if opcode == NvmOpcode::READ {
            counted.reads += 1;
        } else {
            counted.writes += 1;
        }
        let status = cqe.status_field().status();
        if status.is_success() {
            counted.bytes += self.work.io_bytes() as u64;
        } else {
            counted.errors += 1;
            counted.first_error.get_or_insert(FailedCommand { opcode, slba, status });
        }
        Ok(())
    }

    fn ring(&self, doorbell: u64, value: u32) -> Result<(), String> {
        hand_over();
        let is_mapped = self.doorbells.ring(doorbell, value);
        is_mapped
            .then_some(())
            .ok_or_else(|| format!("the doorbell at {doorbell:#x} is not mapped"))
    }

    fn nothing_completes(&self) -> String {
        let in_flight = self.slots.len() - self.free.len();
        let after = Duration::from_nanos(self.work.timeout_ns);
        let one = self.slots.iter().flatten().next();
        let one = one.map_or_else(String::new, |Pending { opcode, slba }| {
            format!(", of them {opcode} at LBA {slba:#x}")
        });
        format!("no completion after {after:?}, with {in_flight} commands in flight{one}")
    }
}

/// Which command comes next.
#[derive(Debug)]
struct Next {
    start: u64,
    io_blocks: u64,
    /// How many places there are in the region for a command.
    places: u64,
    read_percentage: u64,
    random: bool,
    /// The next place, if they come in order.
    place: u64,
    state: u64,
}

impl Next {
    fn new(work: &Work) -> Self {
        let io_blocks = work.io_blocks.into();
        Self {
            start: work.region.start,
            io_blocks,
            places: (work.region.end - work.region.start) / io_blocks,
            read_percentage: work.read_percentage.into(),
            random: work.random,
            place: 0,
            state: work.seed,
        }
    }

    fn command(&mut self) -> (NvmOpcode, u64) {
        let place = if self.random {
            self.below(self.places)
        } else {
            let place = self.place;
            self.place = (place + 1) % self.places;
            place
        };
        let reads = self.below(100) < self.read_percentage;
        let opcode = if reads { NvmOpcode::READ } else { NvmOpcode::WRITE };
        (opcode, self.start + place * self.io_blocks)
    }

    /// Draws a number below `end`, each as likely as the other.
    fn below(&mut self, end: u64) -> u64 {
        let drawn = u128::from(splitmix(&mut self.state)) * u128::from(end);
        (drawn >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work() -> Work {
        Work {
            nsid: 1,
            block: 512,
            io_blocks: 8,
            region: 100..1000,
            read_percentage: 30,
            random: true,
            depth: 1,
            count: None,
            time_ns: None,
            seed: 7,
            timeout_ns: 1,
        }
    }

    #[test]
    fn random_commands_cover_the_region_and_stay_in_it() {
        let work = work();
        let mut next = Next::new(&work);
        let drawn: Vec<_> = (0..10_000).map(|_| next.command()).collect();
        assert!(drawn.iter().all(|(_, slba)| work.region.contains(slba) && slba + 8 <= 1000));
        let places: std::collections::BTreeSet<_> = drawn.iter().map(|(_, slba)| slba).collect();
        assert_eq!(places.len(), 112);
        let reads = drawn.iter().filter(|(opcode, _)| *opcode == NvmOpcode::READ).count();
        assert!((2500..3500).contains(&reads), "{reads} reads of 10,000");
    }

    #[test]
    fn sequential_commands_wrap_around_the_region() {
        let work = Work { random: false, read_percentage: 100, region: 100..117, ..work() };
        let mut next = Next::new(&work);
        let slbas: Vec<_> = (0..5).map(|_| next.command().1).collect();
        assert_eq!(slbas, [100, 108, 100, 108, 100]);
    }
}
