//! Reaping completions, and who gets what completed.

use zerocopy::FromZeros;

use crate::Error;
use crate::cmdlog;
use crate::memory::hand_over;
use crate::spec::AdminOpcode;
use crate::spec::Cqe;
use crate::spec::Status;
use crate::spec::StatusField;

use super::core::Core;
use super::invariant;
use super::invariant::Violation;
use super::slots::End;
use super::slots::Found;
use super::slots::Slot;

impl Core {
    /// Reaps at most one completion, and runs its callback.
    ///
    /// Returns whether there was one. A callback that panics panics here, after all is accounted for.
    pub(crate) fn poll(&self) -> bool {
        let taken = self.take_one();
        if taken && self.completions.should_release() {
            self.release();
        }
        taken
    }

    /// As [`poll`](Self::poll), for those who give back what was taken.
    #[inline(always)]
    pub(super) fn take_one(&self) -> bool {
        let Some(cqe) = self.completions.reap() else {
            return self.is_gone() && self.abort_one();
        };
        hand_over();
        let at_ns = cmdlog::now_ns();
        if cqe.sqid.get() == self.sqid {
            self.complete(&cqe, at_ns);
        } else {
            self.complete_elsewhere(&cqe, at_ns);
        }
        true
    }

    /// Reaps what is there, but no more than a queue's worth: a device may go on for ever.
    pub(crate) fn poll_all(&self) {
        for _ in 0..self.completions.ring().entries() {
            if !self.poll() {
                break;
            }
        }
        self.release();
    }

    /// Tells the controller which completions were taken.
    #[inline]
    pub(crate) fn release(&self) {
        if self.is_gone() {
            return;
        }
        if let Err(error) = self.completions.release() {
            self.note(error.into());
        }
    }

    /// Completes a command of another submission queue, which shares the completion queue.
    #[cold]
    #[inline(never)]
    fn complete_elsewhere(&self, cqe: &Cqe, at_ns: u64) {
        let sqid = cqe.sqid.get();
        match self.completions.submission_queue(sqid) {
            Some(core) => core.complete(cqe, at_ns),
            None => self.find(invariant::unknown_submission_queue(sqid), cqe),
        }
    }

    #[inline(always)]
    fn complete(&self, cqe: &Cqe, at_ns: u64) {
        match invariant::check_head(cqe, self.head.get(), self.tail.get(), self.ring.entries()) {
            Ok(head) => self.head.set(head),
            Err(violation) => self.find(violation, cqe),
        }
        let status = cqe.status_field().status();
        if !status.is_success() {
            self.check_status(cqe);
        }
        let slot = match self.slots.find(cqe.cid.get()) {
            Found::Command(slot) => slot,
            Found::Late => return,
            Found::Unknown => return self.find(invariant::unknown_command(cqe.cid.get()), cqe),
        };
        // Nothing of the slot changes before the callback runs.
        let facts = || slot.facts();
        self.log.completed(facts().logged, cqe, at_ns);
        slot.complete(End { cqe: *cqe, latency_ns: at_ns.saturating_sub(facts().since_ns) });
        slot.give_back();
        let callback = slot.callback.take();
        self.slots.release(slot);
        self.accounts.completed(facts().owner);

        if self.sqid == 0 {
            let opcode = AdminOpcode(facts().opcode);
            self.shared.note(opcode, facts().cdw10, status.is_success());
        }
        if !self.canaries.is_empty() {
            self.check_canaries(slot);
        }
        if !status.is_success() || facts().expected.is_some() {
            self.judge(slot, status, callback.is_some());
        }
        // The slot is free and nothing is borrowed: the callback may submit.
        if let Some(callback) = callback {
            callback(cqe.dw0.get(), status);
        }
    }

    /// Completes the oldest command of a queue that has ended, in the place of the device. Returns whether there was
    /// one.
    #[cold]
    #[inline(never)]
    fn abort_one(&self) -> bool {
        let slot = loop {
            let Some(key) = self.left.borrow_mut().pop() else { return false };
            // It may have completed by itself, or have been given up.
            if let Some(slot) = self.slots.latest(key).filter(|slot| slot.is_busy()) {
                break slot;
            }
        };
        let (key, facts, at_ns) = (slot.key(), slot.facts(), cmdlog::now_ns());
        let status = Status::COMMAND_ABORTED_BY_HOST;
        let mut cqe = Cqe::new_zeroed();
        cqe.sqid = self.sqid.into();
        cqe.sqhd = (self.head.get() as u16).into();
        cqe.cid = key.cid().into();
        cqe.set_status_field(StatusField::from_status(status));
        self.log.abandoned(facts.logged, at_ns);
        slot.complete(End { cqe, latency_ns: at_ns.saturating_sub(facts.since_ns) });
        slot.give_back();
        let callback = slot.callback.take();
        self.slots.release(slot);
        self.accounts.completed(facts.owner);

        if self.sqid == 0 {
            self.shared.note(AdminOpcode(facts.opcode), facts.cdw10, false);
        }
        if !self.canaries.is_empty() {
            self.check_canaries(slot);
        }
        let expects_it = facts.expected.is_some_and(|expected| expected.admits(status));
        let callback_decides = facts.expected.is_none() && callback.is_some();
        if !expects_it && !callback_decides {
            self.shared.blame(facts.logged);
            let error = Error::AbortedByHost {
                command: facts.describe(self.sqid),
                queue: self.name(),
                why: self.gone.get().cloned().unwrap_or_default(),
                site: facts.site,
            };
            self.accounts.failed(facts.owner, Some(key), error);
        }
        // The slot is free and nothing is borrowed.
        if let Some(callback) = callback {
            callback(0, status);
        }
        true
    }

    #[inline(never)]
    fn check_status(&self, cqe: &Cqe) {
        if let Err(violation) = invariant::check_status(cqe) {
            self.find(violation, cqe);
        }
    }

    /// Looks whether the test expects a status, and notes it if it does not. Without a word of the test, a callback
    /// decides.
    #[inline(never)]
    fn judge(&self, slot: &Slot, status: Status, has_callback: bool) {
        let facts = slot.facts();
        let passes = match facts.expected {
            Some(expected) => expected.admits(status),
            None => has_callback || status.is_success(),
        };
        if passes {
            return;
        }
        self.shared.blame(facts.logged);
        let error = facts.unexpected(self.sqid, status);
        self.accounts.failed(facts.owner, Some(slot.key()), error);
    }

    #[cold]
    #[inline(never)]
    fn find(&self, violation: Violation, cqe: &Cqe) {
        self.note(violation.of(self.completions.cqid(), cqe));
    }
}
