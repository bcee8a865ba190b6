//! What is beside the memory that commands were lent.

use crate::Error;
use crate::command::Plan;
use crate::command::Terms;
use crate::memory::Places;
use crate::spec::Sqe;

use super::core::Core;
use super::describe;
use super::facts::Facts;
use super::key::Key;
use super::slot::Slot;
use super::straggler::Straggler;

impl Core {
    /// Places canaries beside what is lent to a command that is about to be submitted.
    #[cold]
    #[inline(never)]
    pub(super) fn place_canaries(
        &self,
        slot: &Slot,
        sqe: &Sqe,
        places: &Places,
        plan: &Plan,
        terms: &Terms,
    ) {
        let (writes, beyond) = describe::extent(sqe, places, plan, terms);
        self.canaries.place(slot.number(), places, writes, beyond);
    }

    /// Looks at the canaries of a command that is complete; one that was overwritten is its failure.
    #[cold]
    #[inline(never)]
    pub(super) fn check_canaries(&self, key: Key, facts: &Facts) {
        if let Some(error) = self.overrun(key, facts) {
            self.shared.blame(facts.logged);
            self.accounts.failed(facts.owner, Some(key), error);
        }
    }

    /// The device has lost the memory of commands that were given up: looks at what is beside it.
    pub(super) fn settle(&self, abandoned: &[Straggler]) {
        for Straggler { key, facts, .. } in abandoned {
            if let Some(error) = self.overrun(*key, facts) {
                self.shared.complain(error.to_string());
            }
        }
    }

    fn overrun(&self, key: Key, facts: &Facts) -> Option<Error> {
        let overrun = self.canaries.check(self.slots.number_of(key))?;
        let command = facts.describe(self.sqid);
        Some(Error::Overrun { command, cid: key.cid(), overrun, site: facts.site })
    }
}
