//! Reaping completions, and who gets what completed.

use crate::cmdlog;
use crate::memory::Places;
use crate::memory::hand_over;
use crate::spec::AdminOpcode;
use crate::spec::Cqe;
use crate::spec::Status;

use super::core::Core;
use super::facts::Facts;
use super::invariant;
use super::invariant::Violation;
use super::key::Key;
use super::slots::Found;

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

    fn complete(&self, cqe: &Cqe, at_ns: u64) {
        if let Err(violation) = self.head.move_to(cqe, self.tail.get(), self.ring.entries()) {
            self.find(violation, cqe);
        }
        let status = cqe.status_field().status();
        if !status.is_success() {
            self.check_status(cqe);
        }
        let slot = match self.slots.find(cqe.cid.get()) {
            Found::Command(slot) => slot,
            Found::Late => {
                if !self.notes.is_empty() {
                    self.note_end(self.slots.number_of(Key::of_cid(cqe.cid.get())));
                }
                return;
            }
            Found::Unknown => return self.find(invariant::unknown_command(cqe.cid.get()), cqe),
        };
        let facts = slot.facts();
        self.log.completed(facts.logged, cqe, at_ns);
        slot.complete(cqe, at_ns);
        if !self.notes.is_empty() {
            let places = slot.places.replace(Places::None);
            self.check_blocks(slot.key(), &facts, &places, status);
            slot.places.set(places);
        }
        slot.give_back();
        let callback = slot.callback.take();
        self.slots.release(slot);
        self.accounts.completed(facts.owner);

        if self.sqid == 0 {
            self.shared.note(AdminOpcode(facts.opcode), facts.cdw10, status.is_success());
        }
        if !self.canaries.is_empty() {
            self.check_canaries(slot.key(), &facts);
        }
        if !status.is_success() || facts.expected.is_some() {
            self.judge(slot.key(), &facts, status, callback.is_some());
        }
        // The slot is free and nothing is borrowed: the callback may submit.
        if let Some(callback) = callback {
            callback(cqe.dw0.get(), status);
        }
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
    fn judge(&self, key: Key, facts: &Facts, status: Status, has_callback: bool) {
        let passes = match facts.expected {
            Some(expected) => expected.admits(status),
            None => has_callback || status.is_success(),
        };
        if passes {
            return;
        }
        self.shared.blame(facts.logged);
        let error = facts.unexpected(self.sqid, status);
        self.accounts.failed(facts.owner, Some(key), error);
    }

    #[cold]
    #[inline(never)]
    fn find(&self, violation: Violation, cqe: &Cqe) {
        self.note(violation.of(self.completions.cqid(), cqe));
    }
}
