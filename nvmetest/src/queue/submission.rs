//! Submitting commands.

use std::sync::Arc;

use zerocopy::little_endian::U64;

use crate::Error;
use crate::cmdlog;
use crate::command;
use crate::command::Callback;
use crate::command::Parts;
use crate::command::Plan;
use crate::command::Terms;
use crate::memory::Block;
use crate::memory::PAGE_SIZE;
use crate::memory::Places;
use crate::spec::Sqe;
use crate::spec::sqe::Psdt;

use super::core::Core;
use super::describe;
use super::facts::Facts;
use super::key::Key;
use super::key::Owner;
use super::slot::Slot;

impl Core {
    /// Submits a command, or notes why it cannot be submitted.
    pub(crate) fn start(
        &self,
        owner: Owner,
        parts: &Parts,
        places: Places,
        callback: Option<Callback<'static>>,
    ) -> Key {
        let Parts { sqe, plan, terms } = parts;
        let page = self.shared.page_size();
        // Without data there is nothing to describe, so that an entry of the test's own stays as it is.
        let plain = describe::plain(sqe, &places, plan, terms.admin, page);
        if plain.is_none() && !terms.verbatim {
            command::check(sqe, terms.admin, &places, self.shared.entry_sizes());
        }
        let is_stale = terms.epoch.is_some_and(|epoch| epoch != self.shared.epoch());
        let is_foreign = places.as_slice().iter().any(|it| !it.block.is_of(self.shared.domain()));
        if !self.accounts.take_from(owner) || self.is_gone() || is_stale || is_foreign {
            return self.refuse(owner, sqe, terms, is_foreign);
        }
        let changes_namespaces = terms.admin && command::formats(sqe.admin_opcode());
        if changes_namespaces && self.shared.has_io_in_flight() {
            let why = "I/O commands are in flight, and their blocks would change their size under them: wait \
                       for them first";
            return self.refuse_layout(owner, sqe, terms, why.to_owned());
        }
        if changes_namespaces && self.shared.claims().rely_on_formats() {
            let why = "a queue made by hand has entries for the format that a namespace has now: drop it first";
            return self.refuse_layout(owner, sqe, terms, why.to_owned());
        }
        if changes_namespaces && !self.shared.workers().is_empty() {
            let why = "an IOWorker has commands for the format that a namespace has now: join it first, or reset the \
                       controller if it was forgotten";
            return self.refuse_layout(owner, sqe, terms, why.to_owned());
        }
        let Some(slot) = self.slots.reserve(|owner| self.accounts.is_open(owner)) else {
            return self.refuse_for_room(owner);
        };
        let mut sqe = *sqe;
        sqe.set_cid(slot.key().cid());
        if let Some(dptr) = plain {
            sqe.set_psdt(Psdt::PRP);
            (sqe.mptr, sqe.dptr) = (U64::ZERO, dptr);
        } else if !terms.verbatim {
            match self.describe(&mut sqe, slot, &places, plan, terms) {
                Ok(lists) => slot.kept.set(lists),
                Err(why) => {
                    self.slots.release(slot);
                    return self.refuse_layout(owner, &sqe, terms, why);
                }
            }
        }
        if self.shared.notes_commands()
            && let Err(error) = self.note_command(slot.number(), &sqe, &places, plan, terms)
        {
            self.slots.release(slot);
            return self.fail(owner, error);
        }
        if places.have_edges() {
            self.place_canaries(slot, &sqe, &places, plan, terms);
        }
        let since_ns = cmdlog::now_ns();
        let timeout_ns = terms.timeout_ns(self.shared.timeout_ns());
        let logged = self.log.submitted(&sqe, terms.site, since_ns);
        slot.occupy(Facts::new(owner, &sqe, terms, logged, (since_ns, timeout_ns)));
        slot.lend(places, callback);
        if changes_namespaces {
            self.shared.begin_change();
        }
        self.accounts.submitted(owner);

        let key = slot.key();
        let tail = self.write(&sqe);
        self.ring_doorbell(tail);
        key
    }

    #[cold]
    fn describe(
        &self,
        sqe: &mut Sqe,
        slot: &Slot,
        places: &Places,
        plan: &Plan,
        terms: &Terms,
    ) -> Result<Option<Arc<Block>>, String> {
        let wanted = command::written(sqe, terms.admin, plan.block);
        let own_list = || {
            let block = match self.lists.get() {
                Some(block) => block,
                None => {
                    // In whole memory pages: a controller may read all of the one that a list is in.
                    let page = usize::try_from(self.shared.page_size()).unwrap_or(PAGE_SIZE);
                    let len = (self.capacity() * PAGE_SIZE).next_multiple_of(page);
                    let block = self.shared.domain().allocate(len, page);
                    let block = block.map_err(|error| error.to_string())?;
                    self.lists.get_or_init(|| Arc::new(block))
                }
            };
            Ok((block.clone(), usize::from(slot.number()) * PAGE_SIZE))
        };
        let length = (terms.admin, wanted);
        describe::data_pointer(sqe, places, plan, length, &self.shared, own_list)
    }

    /// Refuses a command that comes too late (the scope has ended, the queue is gone, or the namespace has changed), or
    /// to the wrong controller.
    #[cold]
    fn refuse(&self, owner: Owner, sqe: &Sqe, terms: &Terms, is_foreign: bool) -> Key {
        if !self.accounts.take_from(owner) {
            // Nobody would look at its failure: the ticket says why.
            return self.refused();
        }
        if let Some(gone) = self.gone() {
            return self.fail(owner, gone);
        }
        let why = if is_foreign {
            "the memory was allocated by another controller, and its address means other memory to this one: \
             allocate it with this controller's `buffer`"
        } else {
            "the namespace was formatted since it was identified, or is another controller's: make it again with \
             `nvme.namespace`"
        };
        self.refuse_layout(owner, sqe, terms, why.to_owned())
    }

    #[cold]
    fn refuse_for_room(&self, owner: Owner) -> Key {
        let error = Error::QueueFull { queue: self.name(), in_flight: self.busy() };
        self.fail(owner, error)
    }

    #[cold]
    fn refuse_layout(&self, owner: Owner, sqe: &Sqe, terms: &Terms, why: String) -> Key {
        let command = terms.describe(sqe, self.sqid);
        self.fail(owner, Error::Layout { command, why, site: terms.site })
    }

    /// Notes a failure of a command that was never submitted.
    fn fail(&self, owner: Owner, error: Error) -> Key {
        let key = self.refused();
        self.accounts.failed(owner, Some(key), error);
        key
    }

    fn refused(&self) -> Key {
        let number = self.refused.get();
        self.refused.set(number + 1);
        Key::refused(number)
    }
}
