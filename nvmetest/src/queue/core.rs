//! The host's half of a queue pair.

use std::cell::Cell;
use std::cell::OnceCell;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use crate::Error;
use crate::cmdlog;
use crate::cmdlog::Ring;
use crate::controller::Shared;
use crate::memory::Block;
use crate::memory::Canaries;

use super::accounts::Accounts;
use super::completion_side::CompletionSide;
use super::doorbell::Doorbell;
use super::head::Head;
use super::key::Owner;
use super::notes::Notes;
use super::ring::SubmissionRing;
use super::slot::Slot;
use super::slots::Slots;
use super::straggler::Straggler;

/// How often it is looked whether a command in flight is overdue.
const LOOK_EVERY_NS: u64 = 1_000_000;

/// A submission queue and the completion queue that its commands complete in.
///
/// How commands are submitted is in `submission`, how they complete in `completion`.
#[doc(hidden)]
pub struct Core {
    pub(super) shared: Rc<Shared>,
    pub(super) sqid: u16,
    pub(super) ring: SubmissionRing,
    pub(super) doorbell: Doorbell,
    pub(super) completions: Rc<CompletionSide>,
    pub(super) tail: Cell<u32>,
    pub(super) head: Head,
    pub(super) slots: Slots,
    /// When it is time to look again whether a command in flight is overdue.
    next_look_ns: Cell<u64>,
    /// A page for each slot, for PRP Lists and SGL segments.
    pub(super) lists: OnceCell<Arc<Block>>,
    pub(super) canaries: Canaries,
    /// What is noted of commands in flight, and what they do to blocks.
    pub(super) notes: Notes,
    pub(super) log: Ring,
    pub(super) accounts: Accounts,
    /// How many commands were refused so far.
    pub(super) refused: Cell<u64>,
    /// Findings that belong to no command, and whether there are any.
    findings: RefCell<Vec<Error>>,
    has_findings: Cell<bool>,
    /// What became of the queue, if it takes no more commands.
    gone: OnceCell<String>,
    /// What was in flight when the queue ended, the command that was submitted last first.
    pub(super) left: RefCell<Vec<u16>>,
}

impl Core {
    pub(crate) fn new(
        shared: &Rc<Shared>,
        sqid: u16,
        ring: SubmissionRing,
        doorbell: Doorbell,
        completions: &Rc<CompletionSide>,
    ) -> Rc<Self> {
        let log = shared.log().ring(sqid, completions.cqid());
        // One entry stays empty, or a full queue would look like an empty one (Base 3.3.1.5).
        let capacity = ring.entries() as usize - 1;
        let core = Rc::new(Self {
            shared: shared.clone(),
            sqid,
            ring,
            doorbell,
            completions: completions.clone(),
            tail: Cell::new(0),
            head: Head::new(sqid),
            slots: Slots::new(capacity),
            next_look_ns: Cell::new(0),
            lists: OnceCell::new(),
            canaries: Canaries::default(),
            notes: Notes::default(),
            log,
            accounts: Accounts::default(),
            refused: Cell::new(0),
            findings: RefCell::default(),
            has_findings: Cell::new(false),
            gone: OnceCell::new(),
            left: RefCell::default(),
        });
        completions.attach(&core);
        core.look_closely();
        core
    }

    pub(crate) fn sqid(&self) -> u16 {
        self.sqid
    }

    pub(crate) fn ring(&self) -> &SubmissionRing {
        &self.ring
    }

    pub(crate) fn completions(&self) -> &Rc<CompletionSide> {
        &self.completions
    }

    pub(crate) fn doorbell(&self) -> &Doorbell {
        &self.doorbell
    }

    /// How many commands the queue holds.
    pub(crate) fn capacity(&self) -> usize {
        self.ring.entries() as usize - 1
    }

    /// How many commands are in flight.
    pub(crate) fn busy(&self) -> usize {
        self.slots.in_flight()
    }

    /// Whether no command could be submitted now.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.slots.is_full()
    }

    pub(super) fn name(&self) -> String {
        format!("submission queue {}", self.sqid)
    }

    /// Why the queue takes no more commands, if that is so.
    pub(crate) fn gone(&self) -> Option<Error> {
        let why = self.why_gone()?.to_owned();
        Some(Error::QueueGone { queue: self.name(), why })
    }

    pub(super) fn why_gone(&self) -> Option<&str> {
        self.gone.get().map(String::as_str)
    }

    #[inline]
    pub(super) fn is_gone(&self) -> bool {
        self.gone.get().is_some()
    }

    /// Ends the queue: it was deleted, or the controller was disabled.
    ///
    /// What was in flight completes at the next polls, with
    /// [`Status::COMMAND_ABORTED_BY_HOST`](crate::spec::Status::COMMAND_ABORTED_BY_HOST).
    pub(crate) fn retire(&self, why: &str) {
        if self.gone.set(why.to_owned()).is_ok() {
            self.left.replace(self.slots.youngest_first());
        }
        self.settle_given_up();
        self.look_closely();
    }

    /// The device executes nothing of what was given up any more, if the queue has ended.
    fn settle_given_up(&self) {
        if !self.notes.is_empty() && self.is_gone() {
            self.slots.given_up().for_each(|slot| self.note_end(slot.number()));
        }
    }

    /// Lets commands be plain only while the queue is there, nothing is to be told, and nothing is noted of blocks.
    pub(crate) fn look_closely(&self) {
        let is_noted = self.shared.notes_commands();
        self.accounts.set_calm(!self.is_gone() && !self.has_findings.get() && !is_noted);
    }

    /// Keeps a finding until somebody asks. The first ones count, and a device may make them without end.
    #[cold]
    pub(super) fn note(&self, finding: Error) {
        const MOST: usize = 16;
        let mut findings = self.findings.borrow_mut();
        if findings.len() < MOST {
            findings.push(finding);
            self.has_findings.set(true);
            self.look_closely();
        }
    }

    /// Returns the first finding that belongs to no command.
    #[inline]
    pub(crate) fn take_finding(&self) -> Option<Error> {
        if !self.has_findings.get() {
            return None;
        }
        let mut findings = self.findings.borrow_mut();
        let first = findings.remove(0);
        self.has_findings.set(!findings.is_empty());
        self.look_closely();
        Some(first)
    }

    /// The accounts of the scopes that are open on the queue.
    pub(super) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Returns the first command in flight whose time is up.
    pub(super) fn overdue(&self) -> Option<Error> {
        let now = cmdlog::now_ns();
        if now < self.next_look_ns.get() {
            return None;
        }
        self.next_look_ns.set(now + LOOK_EVERY_NS);
        let due_ns = |slot: &Slot| slot.facts().due_ns();
        let overdue = self.slots.busy().filter(|slot| due_ns(slot) <= now);
        Some(self.has_timed_out(oldest(overdue)?))
    }

    /// Says of the oldest command of the scope that it did not complete.
    pub(super) fn timed_out(&self, scope: Owner) -> Option<Error> {
        Some(self.has_timed_out(oldest(self.of_scope(scope))?))
    }

    fn has_timed_out(&self, slot: &Slot) -> Error {
        self.shared.blame(slot.facts().logged);
        slot.facts().timed_out(self.sqid)
    }

    /// Names the command that was submitted first of those in flight.
    pub(super) fn oldest(&self) -> Option<String> {
        let facts = oldest(self.slots.busy())?.facts();
        Some(format!("{}, built at {}", facts.describe(self.sqid), facts.site))
    }

    /// The identifiers of a scope's commands in flight.
    pub(super) fn cids(&self, scope: Owner) -> Vec<u16> {
        self.of_scope(scope).map(|slot| slot.key().cid()).collect()
    }

    /// When the last command of the scope is due.
    pub(super) fn last_due_ns(&self, scope: Owner) -> Option<u64> {
        self.of_scope(scope).map(|slot| slot.facts().due_ns()).max()
    }

    fn of_scope(&self, scope: Owner) -> impl Iterator<Item = &Slot> {
        self.slots.busy().filter(move |slot| slot.facts().owner == scope)
    }

    /// Takes the memory of what is in flight from the device, which says that it has ended it.
    pub(super) fn revoke_in_flight(&self) {
        self.slots.busy().for_each(|slot| _ = slot.revoke());
    }

    /// Gives up all commands of a scope; what is returned still holds their callbacks.
    pub(super) fn abandon(&self, scope: Owner) -> Vec<Straggler> {
        let abandoned = self.slots.abandon(scope);
        let now = cmdlog::now_ns();
        for command in &abandoned {
            self.log.abandoned(command.facts.logged, now);
        }
        self.accounts.abandoned(scope);
        self.settle_given_up();
        abandoned
    }
}

/// The one that was submitted first.
fn oldest<'s>(slots: impl Iterator<Item = &'s Slot>) -> Option<&'s Slot> {
    slots.min_by_key(|slot| slot.facts().since_ns)
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("sqid", &self.sqid)
            .field("cqid", &self.completions.cqid())
            .field("entries", &self.ring.entries())
            .field("in_flight", &self.slots.in_flight())
            .finish_non_exhaustive()
    }
}
