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
use crate::spec::Cqe;
use crate::spec::NvmOpcode;
use crate::spec::Sqe;
use crate::transport::Mmio;

use super::FailedCommand;
use super::Statistics;
use super::job::Job;
use super::job::Place;
use super::job::Work;
use super::next::Next;
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

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    const SQID: u16 = 3;
    const DEPTH: u16 = 4;

    /// What a device has of the worker: the test plays the device, before the worker looks.
    struct Device {
        job: Job,
        page: Page,
        cq: Mapping,
    }

    impl Device {
        fn new() -> Self {
            let work = Work {
                nsid: 1,
                block: 512,
                io_blocks: 8,
                region: 0..1000,
                read_percentage: 100,
                random: false,
                depth: DEPTH,
                count: Some(DEPTH.into()),
                time_ns: None,
                seed: 0,
                timeout_ns: 20_000_000,
            };
            let nothing: Range<u64> = 0..0;
            let place = Place {
                sqid: SQID,
                entries: u32::from(DEPTH) + 1,
                sq: nothing.clone(),
                cq: nothing.clone(),
                data: nothing.clone(),
                data_iova: 1 << 32,
                slot_bytes: 4096,
                page: 4096,
                lists: None,
                doorbells: nothing,
                doorbells_start: 0x1000,
                sq_tail: 0x1018,
                cq_head: 0x101c,
            };
            let (job, page, cq) = (Job { work, place }, Page::make().unwrap().1, memory());
            Self { job, page, cq }
        }

        /// Makes entry `index` of the first pass, for command `cid` of queue `sqid`.
        fn complete(&self, index: usize, sqid: u16, cid: u16) {
            let dwords = [0, 0, u32::from(sqid) << 16, 1 << 16 | u32::from(cid)];
            for (dword, at) in dwords.into_iter().zip((index * 16..).step_by(4)) {
                self.cq.word(at).store(dword, Ordering::Release);
            }
        }

        /// Runs a worker on what was made.
        fn run(self) -> (Result<(), String>, Statistics) {
            let Self { job, page, cq } = self;
            let doorbells = Mmio::new(0x1000, memory());
            let result = Engine::new(&job, memory(), cq, memory(), doorbells, &page).run();
            (result, page.read())
        }
    }

    fn memory() -> Mapping {
        Mapping::anonymous(c"test", 65536).unwrap().1
    }

    #[test]
    fn commands_complete_in_any_order() {
        let device = Device::new();
        [2, 0, 3, 1].into_iter().enumerate().for_each(|(at, cid)| device.complete(at, SQID, cid));
        let (result, statistics) = device.run();
        assert_eq!(result, Ok(()));
        assert_eq!((statistics.reads, statistics.bytes, statistics.errors), (4, 4 * 4096, 0));
    }

    #[test]
    fn a_command_that_completes_twice_is_an_error() {
        let device = Device::new();
        device.complete(0, SQID, 1);
        device.complete(1, SQID, 1);
        let error = device.run().0.unwrap_err();
        assert!(error.contains("command identifier 0x0001, which is not in flight"), "{error}");
    }

    #[test]
    fn an_identifier_beyond_all_slots_is_an_error() {
        let device = Device::new();
        device.complete(0, SQID, u16::MAX);
        let error = device.run().0.unwrap_err();
        assert!(error.contains("command identifier 0xffff, which is not in flight"), "{error}");
    }

    #[test]
    fn a_completion_of_another_queue_is_an_error() {
        let device = Device::new();
        device.complete(0, SQID + 1, 0);
        let error = device.run().0.unwrap_err();
        assert!(error.contains("names submission queue 4 and not 3"), "{error}");
    }

    #[test]
    fn silence_ends_when_the_time_of_a_command_is_over() {
        let device = Device::new();
        device.complete(0, SQID, 0);
        let (result, statistics) = device.run();
        let error = result.unwrap_err();
        assert!(error.contains("no completion after 20ms, with 3 commands in flight"), "{error}");
        assert!(error.contains("of them Read (02h) at LBA 0x8"), "{error}");
        assert_eq!(statistics.reads, 1);
    }
}
