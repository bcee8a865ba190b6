//! Fetching and completing.

use std::sync::atomic::Ordering;

use nvmetest::spec::Cqe;
use nvmetest::spec::Sqe;
use nvmetest::spec::Status;
use nvmetest::spec::StatusField;
use zerocopy::FromBytes;
use zerocopy::FromZeros;
use zerocopy::transmute;

use super::device::Device;
use super::device::State;
use super::reply::Reply;

#[derive(Clone, Copy)]
pub struct Ring {
    base: u64,
    entries: u32,
    index: u32,
    phase: bool,
    /// The completion queue of a submission queue.
    cqid: u16,
}

impl Ring {
    pub fn new(base: u64, entries: u32, cqid: u16) -> Self {
        Self { base, entries, index: 0, phase: true, cqid }
    }
}

/// A command that was not completed.
#[derive(Clone, Copy)]
pub struct Pending {
    pub sqid: u16,
    pub sqe: Sqe,
    pub then: Then,
}

/// What becomes of a command that was not completed.
#[derive(Clone, Copy)]
pub enum Then {
    Nothing,
    Trample(u8),
    /// Moves its data and completes it, after so many rounds.
    Move(u8, u32),
}

impl Device {
    /// A doorbell was rung: fetches up to the new tail, or floods on.
    pub fn doorbell(&self, state: &mut State, number: u16, value: u32) {
        let qid = number / 2;
        if number.is_multiple_of(2) {
            self.fetch(state, qid, value);
        } else if state.flooded == Some(qid) {
            self.flood(state, qid);
        }
    }

    /// Fetches the commands up to `tail`. Returns whether there were any.
    pub fn fetch(&self, state: &mut State, qid: u16, tail: u32) -> bool {
        let mut fetched = false;
        while let Some(ring) = state.submission.get(&qid).copied()
            && ring.index != tail
            && tail < ring.entries
            && self.is_alive()
        {
            let mut bytes = [0; 64];
            self.dma_read(state, ring.base + u64::from(ring.index) * 64, &mut bytes);
            let sqe = Sqe::read_from_bytes(&bytes).expect("64 bytes");
            state.submission.insert(qid, Ring { index: (ring.index + 1) % ring.entries, ..ring });
            let reply = (state.behaviour)(qid, &sqe);
            self.reply(state, qid, &sqe, reply);
            fetched = true;
        }
        fetched
    }

    fn reply(&self, state: &mut State, qid: u16, sqe: &Sqe, reply: Reply) {
        let mut cqe = entry(qid, sqe, Status::SUCCESS);
        let keep = |state: &mut State, then| {
            state.pending.push(Pending { sqid: qid, sqe: *sqe, then });
        };
        match reply {
            Reply::Normal => {
                if qid == 0 {
                    let (dw0, status) = self.admin(state, sqe);
                    cqe = entry(qid, sqe, status);
                    cqe.dw0 = dw0.into();
                }
                self.complete(state, qid, cqe);
            }
            Reply::Status(status) => self.complete(state, qid, entry(qid, sqe, status)),
            Reply::Entry(change) => {
                cqe.sqhd = (state.submission[&qid].index as u16).into();
                change(&mut cqe);
                self.post(state, qid, cqe);
            }
            Reply::Page(page) => {
                assert!(self.dma_write(state, sqe.dptr[0].get(), &page(sqe)));
                self.complete(state, qid, cqe);
            }
            Reply::Stray(distance, bytes) => {
                let at = sqe.dptr[0].get().wrapping_add_signed(distance);
                assert!(self.dma_write(state, at, bytes));
                self.complete(state, qid, cqe);
            }
            Reply::Fault(distance, status) => {
                let at = sqe.dptr[0].get().wrapping_add_signed(distance);
                assert!(!self.dma_write(state, at, &[0xee]));
                self.complete(state, qid, entry(qid, sqe, status));
            }
            Reply::Moved(byte) => {
                assert!(self.move_data(state, sqe, byte), "the data is mapped");
                self.complete(state, qid, cqe);
            }
            Reply::MovedLate(byte, rounds) => keep(state, Then::Move(byte, rounds)),
            Reply::Trample(byte) => keep(state, Then::Trample(byte)),
            Reply::Abort => {
                let cdw10 = sqe.cdw10.get();
                let named = (cdw10 as u16, (cdw10 >> 16) as u16);
                let index = state.pending.iter().position(|it| (it.sqid, it.sqe.cid()) == named);
                if let Some(index) = index {
                    let Pending { sqid, sqe: aborted, .. } = state.pending.remove(index);
                    let status = Status::COMMAND_ABORT_REQUESTED;
                    self.complete(state, sqid, entry(sqid, &aborted, status));
                }
                cqe.dw0 = u32::from(index.is_none()).into();
                self.complete(state, qid, cqe);
            }
            Reply::Twice => {
                self.complete(state, qid, cqe);
                self.complete(state, qid, cqe);
            }
            Reply::Flood => {
                let cqid = state.submission[&qid].cqid;
                state.flooded = Some(cqid);
                self.flood(state, cqid);
            }
            Reply::Silence => keep(state, Then::Nothing),
            Reply::Die => self.die(),
        }
    }

    /// Does a round of what the commands that were not completed still do. Returns whether there is more of it.
    pub fn go_on(&self, state: &mut State) -> bool {
        let mut index = 0;
        while index < state.pending.len() {
            let Pending { sqid, sqe, then } = state.pending[index];
            match then {
                Then::Nothing => {}
                Then::Trample(byte) => {
                    if !self.move_data(state, &sqe, byte) {
                        state.misses += 1;
                        state.pending[index].then = Then::Nothing;
                    }
                }
                Then::Move(byte, 0) => {
                    state.pending.remove(index);
                    state.misses += u64::from(!self.move_data(state, &sqe, byte));
                    self.complete(state, sqid, entry(sqid, &sqe, Status::SUCCESS));
                    continue;
                }
                Then::Move(byte, rounds) => {
                    state.pending[index].then = Then::Move(byte, rounds - 1);
                }
            }
            index += 1;
        }
        state.pending.iter().any(|it| !matches!(it.then, Then::Nothing))
    }

    /// Moves the data of a Read or a Write: it is one piece of blocks of 512 bytes. Returns whether the memory could be
    /// reached.
    fn move_data(&self, state: &State, sqe: &Sqe, byte: u8) -> bool {
        const WRITE: u8 = 0x01;
        const READ: u8 = 0x02;
        let len = (usize::from(sqe.cdw12.get() as u16) + 1) * 512;
        let iova = sqe.dptr[0].get();
        match sqe.opcode() {
            READ => self.dma_write(state, iova, &vec![byte; len]),
            WRITE => {
                self.dma_read(state, iova, &mut vec![0; len]);
                true
            }
            _ => true,
        }
    }

    /// Completes a command, if its queue is still there.
    pub fn complete(&self, state: &mut State, sqid: u16, mut cqe: Cqe) {
        let Some(ring) = state.submission.get(&sqid) else { return };
        cqe.sqhd = (ring.index as u16).into();
        self.post(state, sqid, cqe);
    }

    /// Half a queue of entries, which is what the driver gives back at a time.
    fn flood(&self, state: &mut State, cqid: u16) {
        let Some(ring) = state.completion.get(&cqid) else { return };
        for _ in 0..ring.entries / 2 {
            let mut cqe = Cqe::new_zeroed();
            cqe.sqid = 77.into();
            self.post_to(state, cqid, cqe);
        }
    }

    fn post(&self, state: &mut State, sqid: u16, cqe: Cqe) {
        self.post_to(state, state.submission[&sqid].cqid, cqe);
    }

    fn post_to(&self, state: &mut State, cqid: u16, mut cqe: Cqe) {
        let ring = state.completion[&cqid];
        cqe.set_status_field(cqe.status_field().with_p(ring.phase));
        let at = ring.base + u64::from(ring.index) * 16;
        let Some(offset) = self.translate(state, at, 16) else { return };
        let dwords: [u32; 4] = transmute!(cqe);
        for (number, dword) in dwords.map(u32::from_le).into_iter().enumerate() {
            // The dword with the phase tag is the last, and after all that the device did.
            let order = if number == 3 { Ordering::Release } else { Ordering::Relaxed };
            self.memory.word(offset + 4 * number).store(dword, order);
        }
        let wraps = ring.index + 1 == ring.entries;
        let index = if wraps { 0 } else { ring.index + 1 };
        let phase = ring.phase != wraps;
        state.completion.insert(cqid, Ring { index, phase, ..ring });
    }
}

pub fn entry(sqid: u16, sqe: &Sqe, status: Status) -> Cqe {
    let mut cqe = Cqe::new_zeroed();
    cqe.sqid = sqid.into();
    cqe.cid = sqe.cid().into();
    cqe.set_status_field(StatusField::from_status(status));
    cqe
}
