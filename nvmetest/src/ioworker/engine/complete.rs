//! Taking completions, and what they say.

use std::sync::atomic::Ordering;

use zerocopy::transmute;

use crate::spec::Cqe;

use super::Engine;
use super::Named;
use super::Pending;
use super::Stop;
use crate::integrity::writers_of;
use crate::ioworker::statistics::Completed;
use crate::ioworker::statistics::FailedCommand;
use crate::ioworker::statistics::Recorder;

impl Engine<'_> {
    /// Takes all completions that are there. Returns when the last of them was seen, if there was one.
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

    /// Reads the next entry of the completion queue, if the controller has written it.
    #[inline]
    fn completion(&self) -> Option<Cqe> {
        let entry = self.reach.cq.words::<4>(self.head as usize * size_of::<Cqe>());
        // The dword with the phase tag is read first, and orders the rest: the controller writes it last.
        let dword3 = entry[3].load(Ordering::Acquire);
        let dword = |number: usize| entry[number].load(Ordering::Relaxed);
        let dwords = [dword(0), dword(1), dword(2), dword3];
        let cqe: Cqe = transmute!(dwords);
        (cqe.phase() == self.phase).then_some(cqe)
    }

    /// Counts and logs a completion, and looks at the data, which the slot still has.
    #[inline]
    fn complete(&mut self, cqe: &Cqe, now: u64, recorder: &mut Recorder<'_>) -> Result<(), Stop> {
        let (cid, sqid) = (cqe.cid.get(), cqe.sqid.get());
        if sqid != self.place.sqid {
            let own = self.place.sqid;
            return Err(Stop::GaveUp(format!(
                "a completion names submission queue {sqid} and not {own} (Base 4.2.1, SQ Identifier)"
            )));
        }
        let pending = self.slots.get_mut(usize::from(cid)).and_then(Option::take);
        let Some(Pending { operation, blocks, slba, submitted_ns, token }) = pending else {
            return Err(Stop::GaveUp(format!(
                "a completion names command identifier {cid:#06x}, which is not in flight (Base 4.2.1, Command \
                 Identifier)"
            )));
        };
        self.free.push(cid);
        self.reach.log.completed(token, cqe, now);
        let status = cqe.status_field().status();
        let bytes = if operation.transfers_blocks() {
            u64::from(blocks) * self.work.block as u64
        } else {
            0
        };
        let command = Completed { operation, submitted_ns, completed_ns: now, bytes, status };
        let opcode = operation.opcode();
        recorder.completed(&command, || FailedCommand { opcode, slba, blocks, status, token });
        if let Some(recording) = &mut self.recording {
            recording.complete(cid, status.is_success());
        }
        let base = self.data_at(cid);
        let Self { verifier: Some(verifier), reach, work, .. } = self else { return Ok(()) };
        let read = |number: usize, block: &mut [u8]| {
            reach.data.read(base + number * work.block, block);
        };
        let named = Named { operation, slba, blocks };
        verifier.complete(cid, named, status.is_success(), read).map_err(|mut miscompare| {
            miscompare.read_by = Some(format!(
                "{opcode} of {blocks} blocks at LBA {slba:#x} by process {} ({token})",
                std::process::id()
            ));
            miscompare.written_by = writers_of(&reach.logs, miscompare.lba);
            Stop::Miscompare(miscompare.to_string())
        })
    }
}
