//! Taking completions, and what they say.

use std::hint::black_box;
use std::sync::atomic::Ordering;

use zerocopy::transmute;

use crate::spec::Cqe;
use crate::spec::Status;

use super::Engine;
use super::Stop;
use super::slots::Slot;
use crate::cmdlog::Token;
use crate::integrity::writers_of;
use crate::ioworker::statistics::Completed;
use crate::ioworker::statistics::FailedCommand;
use crate::ioworker::statistics::Recorder;
use crate::ioworker::workload::Operation;

/// A command that has completed.
struct Ended {
    operation: Operation,
    slba: u64,
    bytes: u64,
    blocks: u32,
    token: Token,
    status: Status,
}

impl Engine<'_> {
    /// Takes all completions that are there. Returns when the last of them was seen, if there was one. The controller is
    /// to be told then.
    #[inline(always)]
    pub(super) fn reap(&mut self, recorder: &mut Recorder<'_>) -> Result<Option<u64>, Stop> {
        let mut last = None;
        let mut taken = 0;
        while let Some(cqe) = self.completion() {
            // For each that has completed another one is submitted, mostly, and the controller has read the entry where it
            // will stand: it takes as long to come back as what is done until then.
            self.reach.sq.fetch_to_write(taken);
            taken += 1;
            if self.reach.cq.advance() {
                self.phase = !self.phase;
            }
            let now = self.clock.now_ns();
            last = Some(now);
            self.complete(&cqe, now, recorder)?;
            if self.slots.in_flight() == 0 {
                // What is there nevertheless is no completion of any command, and is found out in the next turn.
                break;
            }
        }
        Ok(last)
    }

    /// Whether the controller has written the next entry of the completion queue.
    #[inline(always)]
    pub(super) fn is_completion_there(&self) -> bool {
        self.completion().is_some()
    }

    /// Reads the next entry of the completion queue, if the controller has written it.
    #[inline(always)]
    fn completion(&self) -> Option<Cqe> {
        const PHASE: u64 = 1 << 48;
        let entry = self.reach.cq.entry();
        // The half with the phase tag is read first, and orders the rest: the controller writes it last.
        let last = u64::from_le(entry[1].load(Ordering::Acquire));
        if (last & PHASE != 0) != self.phase {
            return None;
        }
        let words = [entry[0].load(Ordering::Relaxed), last.to_le()];
        Some(transmute!(words))
    }

    /// Counts and logs a completion, and looks at the data, which the slot still has.
    #[inline(always)]
    fn complete(&mut self, cqe: &Cqe, now: u64, recorder: &mut Recorder<'_>) -> Result<(), Stop> {
        let cid = cqe.cid.get();
        if cqe.sqid.get() != self.place.sqid {
            return Err(self.is_of_another_queue(cqe));
        }
        let Some((operation, slot)) = self.slots.end(cid) else {
            return Err(is_not_in_flight(cid));
        };
        self.reach.data.take_back(cid.into());
        self.reach.log.completed(slot.token, cqe, now);
        let command = Completed { operation, submitted_ns: slot.submitted_ns, completed_ns: now };
        let status = cqe.status_field().status();
        if status.is_success() {
            recorder.succeeded(command, slot.bytes);
        } else {
            let &Slot { slba, blocks, token, .. } = slot;
            let opcode = operation.opcode();
            recorder.failed(command, &FailedCommand { opcode, slba, blocks, status, token });
        }
        if !self.is_noted {
            return Ok(());
        }
        let &Slot { slba, bytes, blocks, token, .. } = slot;
        self.note_end(cid, Ended { operation, slba, bytes, blocks, token, status })
    }

    /// Notes how a command ended, and checks what it read.
    #[inline(always)]
    fn note_end(&mut self, cid: u16, ended: Ended) -> Result<(), Stop> {
        let Ended { operation, slba, bytes, blocks, token, status } = ended;
        if let Some(recording) = &mut self.recording {
            recording.complete(cid, status.is_success());
        }
        let Self { verifier, reach, .. } = self;
        let data = reach.data.bytes(cid.into(), bytes as usize);
        let Some(verifier) = verifier else {
            if self.work.only_crc {
                data.chunks_exact(self.work.block).for_each(|block| {
                    black_box(crc32fast::hash(block));
                });
            }
            return Ok(());
        };
        verifier.complete(cid, (operation, slba), status, data).map_err(|mut miscompare| {
            miscompare.read_by = Some(format!(
                "{} of {blocks} blocks at LBA {slba:#x} by process {} ({token})",
                operation.opcode(),
                std::process::id()
            ));
            miscompare.written_by = writers_of(&reach.logs, miscompare.lba);
            Stop::Miscompare(miscompare.to_string())
        })
    }

    #[cold]
    fn is_of_another_queue(&self, cqe: &Cqe) -> Stop {
        let (sqid, own) = (cqe.sqid.get(), self.place.sqid);
        Stop::GaveUp(format!(
            "a completion names submission queue {sqid} and not {own} (Base 4.2.1, SQ Identifier)"
        ))
    }
}

#[cold]
fn is_not_in_flight(cid: u16) -> Stop {
    Stop::GaveUp(format!(
        "a completion names command identifier {cid:#06x}, which is not in flight (Base 4.2.1, Command Identifier)"
    ))
}
