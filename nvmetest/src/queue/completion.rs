//! Reaping completions, and who gets what completed.

use crate::cmdlog;
use crate::command::Expected;
use crate::memory::Places;
use crate::memory::hand_over;
use crate::spec::AdminOpcode;
use crate::spec::Cqe;

use super::core::Core;
use super::invariant;
use super::invariant::Violation;
use super::slots::End;
use super::slots::Facts;
use super::slots::Found;
use super::slots::Slot;

impl Core {
    /// Reaps at most one completion, and runs its callback.
    ///
    /// Returns whether there was one. A callback that panics panics here, after all is accounted for.
    #[inline]
    pub(crate) fn poll(&self) -> bool {
        let Some(cqe) = self.completions.reap() else {
            return false;
        };
        hand_over();
        let at_ns = cmdlog::now_ns();
        if self.completions.should_release() {
            self.release();
        }
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
    fn complete_elsewhere(&self, cqe: &Cqe, at_ns: u64) {
        let sqid = cqe.sqid.get();
        match self.completions.submission_queue(sqid) {
            Some(core) => core.complete(cqe, at_ns),
            None => self.find(invariant::unknown_submission_queue(sqid), cqe),
        }
    }

    fn complete(&self, cqe: &Cqe, at_ns: u64) {
        match invariant::check_head(cqe, self.head.get(), self.tail.get(), self.ring.entries()) {
            Ok(head) => self.head.set(head),
            Err(violation) => self.find(violation, cqe),
        }
        if let Err(violation) = invariant::check_status(cqe) {
            self.find(violation, cqe);
        }
        let slot = match self.slots.find(cqe.cid.get()) {
            Found::Command(slot) => slot,
            Found::Late => return,
            Found::Unknown => return self.find(invariant::unknown_command(cqe.cid.get()), cqe),
        };
        let facts = slot.facts();
        self.log.completed(facts.logged, cqe, at_ns);
        let latency_ns = at_ns.saturating_sub(facts.since_ns);
        slot.complete(End { cqe: *cqe, latency_ns });
        let places = slot.places.replace(Places::None);
        let lists = slot.lists.take();
        let callback = slot.callback.take();
        self.slots.release(slot);
        self.accounts.completed(facts.owner);

        let status = cqe.status_field().status();
        if self.sqid == 0 && status.is_success() {
            self.shared.note(AdminOpcode(facts.opcode), facts.cdw10);
        }
        let judged = callback.is_none() || facts.expected.is_some();
        if judged && !facts.expected.unwrap_or(Expected::SUCCESS).admits(status) {
            self.fail_completed(slot, &facts, cqe);
        }
        drop((places, lists));
        // The slot is free and nothing is borrowed: the callback may submit.
        if let Some(callback) = callback {
            callback(cqe.dw0.get(), status);
        }
    }

    /// Notes a status that the test did not expect.
    #[cold]
    fn fail_completed(&self, slot: &Slot, facts: &Facts, cqe: &Cqe) {
        self.shared.blame(facts.logged);
        let error = facts.unexpected(self.sqid, cqe.status_field().status());
        self.accounts.failed(facts.owner, Some(slot.key()), error);
    }

    #[cold]
    fn find(&self, violation: Violation, cqe: &Cqe) {
        self.note(violation.of(self.completions.cqid(), cqe));
    }
}
