//! What was in flight when a queue ended.

use zerocopy::FromZeros;

use crate::Error;
use crate::cmdlog;
use crate::spec::AdminOpcode;
use crate::spec::Cqe;
use crate::spec::Status;
use crate::spec::StatusField;

use super::core::Core;
use super::slot::Slot;
use super::slots::Found;

impl Core {
    /// Completes the oldest command of a queue that has ended, in the place of the device, with
    /// [`Status::COMMAND_ABORTED_BY_HOST`]. Returns whether there was one.
    #[cold]
    #[inline(never)]
    pub(super) fn abort_one(&self) -> bool {
        let Some(slot) = self.next_left() else { return false };
        let (key, facts) = (slot.key(), slot.facts());
        let at_ns = cmdlog::now_ns();
        self.log.abandoned(facts.logged, at_ns);
        let cqe = self.made_by_host(slot);
        slot.complete(&cqe, at_ns);
        if !self.notes.is_empty() {
            self.note_end(slot.number());
        }
        slot.give_back();
        let callback = slot.callback.take();
        self.slots.release(slot);
        self.accounts.completed(facts.owner);

        if self.sqid == 0 {
            self.shared.note(AdminOpcode(facts.opcode), facts.cdw10, false);
        }
        if !self.canaries.is_empty() {
            self.check_canaries(key, &facts);
        }
        let status = Status::COMMAND_ABORTED_BY_HOST;
        if !facts.expected.map_or(callback.is_some(), |expected| expected.admits(status)) {
            self.shared.blame(facts.logged);
            let error = Error::AbortedByHost {
                command: facts.describe(self.sqid),
                queue: self.name(),
                why: self.why_gone().unwrap_or_default().to_owned(),
                site: facts.site,
            };
            self.accounts.failed(facts.owner, Some(key), error);
        }
        // The slot is free and nothing is borrowed: the callback may submit, and is refused.
        if let Some(callback) = callback {
            callback(0, status);
        }
        true
    }

    /// The oldest command that was left and has neither completed by itself nor been given up.
    fn next_left(&self) -> Option<&Slot> {
        loop {
            let cid = self.left.borrow_mut().pop()?;
            if let Found::Command(slot) = self.slots.find(cid) {
                return Some(slot);
            }
        }
    }

    fn made_by_host(&self, slot: &Slot) -> Cqe {
        let mut cqe = Cqe::new_zeroed();
        cqe.sqid = self.sqid.into();
        cqe.sqhd = (self.head.sqhd() as u16).into();
        cqe.cid = slot.key().cid().into();
        let field = StatusField::from_status(Status::COMMAND_ABORTED_BY_HOST);
        cqe.status = u16::from(field).into();
        cqe
    }
}
