//! Taking completions, and what they say.

use std::sync::atomic::Ordering;

use zerocopy::transmute;

use crate::spec::Cqe;
use crate::spec::Status;

use super::Engine;
use super::Pending;
use super::Stop;
use crate::integrity::writers_of;
use crate::ioworker::statistics::Completed;
use crate::ioworker::statistics::FailedCommand;
use crate::ioworker::statistics::Recorder;

impl Engine<'_> {
    /// Takes all completions that are there. Returns when the last of them was seen, if there was one.
    #[inline(never)]
    pub(super) fn reap(&mut self, recorder: &mut Recorder<'_>) -> Result<Option<u64>, Stop> {
        let mut last = None;
        while let Some(cqe) = self.completion() {
            self.head += 1;
            if self.head == self.place.entries {
                (self.head, self.phase) = (0, !self.phase);
            }
            let now = self.clock.now_ns();
            last = Some(now);
            self.complete(&cqe, now, recorder)?;
        }
        if last.is_some() {
            self.ring(self.place.cq_head, self.head)?;
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
        let entry = self.reach.cq.at(self.head as usize);
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
        let Some(pending) = self.slots.end(cid) else { return Err(is_not_in_flight(cid)) };
        let Pending { operation, blocks, bytes, slba, submitted_ns, token } = pending;
        self.reach.data.take_back(cid.into());
        self.reach.log.completed(token, cqe, now);
        let command = Completed { operation, submitted_ns, completed_ns: now };
        let status = cqe.status_field().status();
        if status.is_success() {
            recorder.succeeded(command, bytes);
        } else {
            let opcode = operation.opcode();
            recorder.failed(command, &FailedCommand { opcode, slba, blocks, status, token });
        }
        if self.is_noted { self.note_end(cid, &pending, status) } else { Ok(()) }
    }

    /// Notes how a command ended, and checks what it read.
    fn note_end(&mut self, cid: u16, pending: &Pending, status: Status) -> Result<(), Stop> {
        let &Pending { operation, blocks, bytes, slba, token, .. } = pending;
        if let Some(recording) = &mut self.recording {
            recording.complete(cid, status.is_success());
        }
        let Self { verifier: Some(verifier), reach, .. } = self else { return Ok(()) };
        let data = reach.data.bytes(cid.into(), bytes as usize);
        verifier.complete(cid, slba, status, data).map_err(|mut miscompare| {
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
