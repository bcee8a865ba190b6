//! The host's half of a queue pair: submitting, reaping, and who gets what completed.

use std::cell::Cell;
use std::cell::OnceCell;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::Error;
use crate::cmdlog;
use crate::cmdlog::Ring;
use crate::command::Callback;
use crate::command::Completion;
use crate::command::Plan;
use crate::command::Terms;
use crate::controller::Shared;
use crate::memory::Block;
use crate::memory::PAGE_SIZE;
use crate::memory::Places;
use crate::memory::hand_over;
use crate::spec::Cqe;
use crate::spec::Sqe;
use crate::spec::Status;
use crate::spec::StatusField;

use super::accounts::Accounts;
use super::completion_side::CompletionSide;
use super::describe;
use super::doorbell::Doorbell;
use super::invariant;
use super::invariant::Violation;
use super::ring::SubmissionRing;
use super::slots::Found;
use super::slots::InFlight;
use super::slots::Owner;
use super::slots::Slots;
use super::ticket::Outcome;

/// A submission queue and the completion queue that its commands complete in.
#[doc(hidden)]
pub struct Core {
    shared: Rc<Shared>,
    sqid: u16,
    ring: SubmissionRing,
    doorbell: Doorbell,
    completions: Rc<CompletionSide>,
    tail: Cell<u32>,
    /// The submission queue head, as far as the controller said.
    head: Cell<u32>,
    slots: RefCell<Slots>,
    /// The earliest time at which a command in flight may be overdue.
    next_due_ns: Cell<u64>,
    /// A page for each slot, for PRP Lists and SGL segments.
    lists: OnceCell<Arc<Block>>,
    log: Ring,
    accounts: Accounts,
    /// Findings that belong to no command.
    findings: RefCell<Vec<Error>>,
    /// What became of the queue, if it takes no more commands.
    gone: OnceCell<String>,
    /// What was in flight when the queue ended, the command that was submitted last first.
    left: RefCell<Vec<u16>>,
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
            head: Cell::new(0),
            slots: RefCell::new(Slots::new(capacity)),
            next_due_ns: Cell::new(u64::MAX),
            lists: OnceCell::new(),
            log,
            accounts: Accounts::default(),
            findings: RefCell::default(),
            gone: OnceCell::new(),
            left: RefCell::default(),
        });
        completions.attach(&core);
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

    /// How many commands the queue holds.
    pub(crate) fn capacity(&self) -> usize {
        self.ring.entries() as usize - 1
    }

    /// How many commands are in flight.
    pub(crate) fn busy(&self) -> usize {
        self.slots.borrow().in_flight()
    }

    /// How many commands could be submitted now.
    pub(crate) fn free(&self) -> usize {
        self.slots.borrow().free()
    }

    fn name(&self) -> String {
        format!("submission queue {}", self.sqid)
    }

    pub(crate) fn doorbell(&self) -> &Doorbell {
        &self.doorbell
    }

    /// Why the queue takes no more commands, if that is so.
    pub(crate) fn gone(&self) -> Option<Error> {
        let why = self.gone.get()?.clone();
        Some(Error::QueueGone { queue: self.name(), why })
    }

    /// Ends the queue: it was deleted, or the controller was disabled.
    ///
    /// What was in flight completes at the next polls, with [`Status::COMMAND_ABORTED_BY_HOST`].
    pub(crate) fn retire(&self, why: &str) {
        if self.gone.set(why.to_owned()).is_ok() {
            self.left.replace(self.slots.borrow().youngest_first());
        }
    }

    /// Submits a command, or notes why it cannot be submitted.
    pub(crate) fn start(
        &self,
        owner: Owner,
        mut sqe: Sqe,
        places: Places,
        plan: Plan<'_>,
        terms: Terms,
        callback: Option<Callback<'static>>,
    ) -> Rc<Outcome> {
        let outcome = Rc::new(Outcome::default());
        if !self.accounts.take_from(owner) {
            outcome.refused.set(true);
            return outcome;
        }
        if let Some(gone) = self.gone() {
            self.fail(owner, &outcome, gone);
            return outcome;
        }
        if terms.epoch.is_some_and(|epoch| epoch != self.shared.epoch()) {
            let command = terms.describe(&sqe, self.sqid);
            let why = "the namespace was formatted since it was identified: make it again with \
                       `nvme.namespace`";
            let error = Error::Layout { command, why: why.to_owned(), site: terms.site };
            self.fail(owner, &outcome, error);
            return outcome;
        }
        let mut slots = self.slots.borrow_mut();
        let Some(cid) = slots.reserve() else {
            let (queue, in_flight) = (self.name(), slots.in_flight());
            drop(slots);
            self.fail(owner, &outcome, Error::QueueFull { queue, in_flight });
            return outcome;
        };
        sqe.set_cid(cid);
        outcome.cid.set(cid);
        let mut lists = None;
        if !terms.verbatim {
            let slot = slots.number(cid);
            match self.describe(&mut sqe, slot, &places, plan) {
                Ok(memory) => lists = memory,
                Err(why) => {
                    slots.release(cid);
                    drop(slots);
                    let command = terms.describe(&sqe, self.sqid);
                    self.fail(owner, &outcome, Error::Layout { command, why, site: terms.site });
                    return outcome;
                }
            }
        }
        let since_ns = cmdlog::now_ns();
        let timeout = terms.timeout.unwrap_or_else(|| self.shared.timeout());
        let due_ns = since_ns.saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
        self.next_due_ns.set(self.next_due_ns.get().min(due_ns));
        let logged = self.log.submitted(&sqe, terms.site, since_ns);
        let command = InFlight {
            sqe,
            places,
            lists,
            terms,
            callback,
            since_ns,
            due_ns,
            logged,
            owner,
            outcome: outcome.clone(),
        };
        slots.occupy(cid, command);
        drop(slots);
        self.accounts.submitted(owner);

        let tail = self.tail.get();
        self.ring.write(tail, &sqe);
        let tail = if tail + 1 == self.ring.entries() { 0 } else { tail + 1 };
        self.tail.set(tail);
        hand_over();
        if let Err(error) = self.doorbell.ring(tail) {
            self.note(error.into());
        }
        outcome
    }

    fn describe(
        &self,
        sqe: &mut Sqe,
        slot: u16,
        places: &Places,
        plan: Plan<'_>,
    ) -> Result<Option<Arc<Block>>, String> {
        let own_list = || {
            let block = match self.lists.get() {
                Some(block) => block,
                None => {
                    let len = self.capacity() * PAGE_SIZE;
                    let block = self.shared.domain().allocate(len, PAGE_SIZE);
                    let block = block.map_err(|error| error.to_string())?;
                    self.lists.get_or_init(|| Arc::new(block))
                }
            };
            Ok((block.clone(), usize::from(slot) * PAGE_SIZE))
        };
        describe::data_pointer(sqe, places, plan, &self.shared, own_list)
    }

    /// Notes a failure of a command that was never submitted.
    fn fail(&self, owner: Owner, outcome: &Rc<Outcome>, error: Error) {
        outcome.refused.set(true);
        self.accounts.failed(owner, outcome, error);
    }

    /// Reaps at most one completion, and runs its callback.
    ///
    /// Returns whether there was one. A callback that panics panics here, after all is accounted for.
    pub(crate) fn poll(&self) -> bool {
        let Some(cqe) = self.completions.reap() else {
            return self.abort_one();
        };
        hand_over();
        let at_ns = cmdlog::now_ns();
        if self.completions.should_release() {
            self.release();
        }
        let sqid = cqe.sqid.get();
        if sqid == self.sqid {
            self.complete(&cqe, at_ns);
            return true;
        }
        match self.completions.submission_queue(sqid) {
            Some(core) => core.complete(&cqe, at_ns),
            None => self.find(invariant::unknown_submission_queue(sqid), &cqe),
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
    pub(crate) fn release(&self) {
        if self.gone.get().is_some() {
            return;
        }
        if let Err(error) = self.completions.release() {
            self.note(error.into());
        }
    }

    /// Completes the oldest command of a queue that has ended, in the place of the device. Returns whether there was
    /// one.
    fn abort_one(&self) -> bool {
        let Some(why) = self.gone.get() else { return false };
        let command = loop {
            let Some(cid) = self.left.borrow_mut().pop() else { return false };
            // It may have completed by itself, or have been given up.
            if let Found::Command(command) = self.slots.borrow_mut().complete(cid) {
                break command;
            }
        };
        let at_ns = cmdlog::now_ns();
        self.log.abandoned(command.logged, at_ns);
        let status = Status::COMMAND_ABORTED_BY_HOST;
        let completion = Completion {
            cdw0: 0,
            status,
            field: StatusField::from_status(status),
            sqhd: self.head.get() as u16,
            cid: command.sqe.cid(),
            latency: Duration::from_nanos(at_ns.saturating_sub(command.since_ns)),
        };
        let aborted = Error::AbortedByHost {
            command: command.terms.describe(&command.sqe, self.sqid),
            queue: self.name(),
            why: why.clone(),
            site: command.terms.site,
        };
        self.end(command, completion, Some(aborted));
        true
    }

    fn complete(&self, cqe: &Cqe, at_ns: u64) {
        match invariant::check_head(cqe, self.head.get(), self.tail.get(), self.ring.entries()) {
            Ok(head) => self.head.set(head),
            Err(violation) => self.find(violation, cqe),
        }
        if let Err(violation) = invariant::check_status(cqe) {
            self.find(violation, cqe);
        }
        let found = self.slots.borrow_mut().complete(cqe.cid.get());
        let command = match found {
            Found::Command(command) => command,
            Found::Late => return,
            Found::Unknown => return self.find(invariant::unknown_command(cqe.cid.get()), cqe),
        };
        self.log.completed(command.logged, cqe, at_ns);
        let field = cqe.status_field();
        let completion = Completion {
            cdw0: cqe.dw0.get(),
            status: field.status(),
            field,
            sqhd: cqe.sqhd.get(),
            cid: cqe.cid.get(),
            latency: Duration::from_nanos(at_ns.saturating_sub(command.since_ns)),
        };
        self.shared.note(self.sqid, &command.sqe, completion.status);
        self.end(command, completion, None);
    }

    /// Accounts for a command that completed, and runs its callback. What there is to say of it, if the test does not
    /// expect its status, may be known better than by the status.
    fn end(&self, command: InFlight, completion: Completion, reason: Option<Error>) {
        let InFlight { sqe, terms, callback, owner, outcome, logged, .. } = command;
        outcome.completion.set(Some(completion));
        let judged = callback.is_none() || terms.expected.is_some();
        let verdict = if judged { terms.judge(&sqe, self.sqid, completion.status) } else { Ok(()) };
        if verdict.is_err() {
            self.shared.blame(logged);
        }
        self.accounts.completed(owner);
        if let Err(error) = verdict {
            self.accounts.failed(owner, &outcome, reason.unwrap_or(error));
        }
        // The slot is free and nothing is borrowed: the callback may submit.
        if let Some(callback) = callback {
            callback(completion.cdw0, completion.status);
        }
    }

    fn find(&self, violation: Violation, cqe: &Cqe) {
        self.note(violation.of(self.completions.cqid(), cqe));
    }

    /// Keeps a finding until somebody asks. The first ones count, and a device may make them without end.
    fn note(&self, finding: Error) {
        const MOST: usize = 16;
        let mut findings = self.findings.borrow_mut();
        if findings.len() < MOST {
            findings.push(finding);
        }
    }

    /// Returns the first finding that belongs to no command.
    pub(crate) fn take_finding(&self) -> Option<Error> {
        let mut findings = self.findings.borrow_mut();
        if findings.is_empty() { None } else { Some(findings.remove(0)) }
    }

    /// Returns the first command in flight whose time is up.
    pub(super) fn overdue(&self) -> Option<Error> {
        let now = cmdlog::now_ns();
        if now < self.next_due_ns.get() {
            return None;
        }
        let slots = self.slots.borrow();
        let next = slots.busy().map(|(_, it)| it.due_ns).min().unwrap_or(u64::MAX);
        self.next_due_ns.set(next);
        let (_, oldest) =
            slots.busy().filter(|(_, it)| it.due_ns <= now).min_by_key(|(_, it)| it.since_ns)?;
        self.shared.blame(oldest.logged);
        Some(oldest.timed_out(self.sqid))
    }

    /// Says of the oldest command of the scope that it did not complete.
    pub(super) fn timed_out(&self, scope: u64) -> Option<Error> {
        let slots = self.slots.borrow();
        let of_scope = |(_, it): &(u16, &InFlight)| it.owner == Owner::Scope(scope);
        let (_, oldest) = slots.busy().filter(of_scope).min_by_key(|(_, it)| it.since_ns)?;
        self.shared.blame(oldest.logged);
        Some(oldest.timed_out(self.sqid))
    }

    /// Names the command that was submitted first of those in flight.
    pub(super) fn oldest(&self) -> Option<String> {
        let slots = self.slots.borrow();
        let (_, oldest) = slots.busy().min_by_key(|(_, it)| it.since_ns)?;
        let name = oldest.terms.describe(&oldest.sqe, self.sqid);
        Some(format!("{name}, built at {}", oldest.terms.site))
    }

    /// The accounts of the scopes that are open on the queue.
    pub(super) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// The identifiers of a scope's commands in flight.
    pub(super) fn cids(&self, scope: u64) -> Vec<u16> {
        let slots = self.slots.borrow();
        let of_scope = |(_, it): &(u16, &InFlight)| it.owner == Owner::Scope(scope);
        slots.busy().filter(of_scope).map(|(cid, _)| cid).collect()
    }

    /// When the last command of the scope is due.
    pub(super) fn last_due_ns(&self, scope: u64) -> Option<u64> {
        let slots = self.slots.borrow();
        let of_scope = |(_, it): &(u16, &InFlight)| it.owner == Owner::Scope(scope);
        slots.busy().filter(of_scope).map(|(_, it)| it.due_ns).max()
    }

    /// Takes the memory of what is in flight from the device, which says that it has ended it.
    pub(super) fn revoke_in_flight(&self) {
        for (_, command) in self.slots.borrow().busy() {
            command.revoke();
        }
    }

    /// Gives up all commands of a scope; what is returned still holds their callbacks.
    pub(super) fn abandon(&self, scope: u64) -> Vec<InFlight> {
        let owner = Owner::Scope(scope);
        let abandoned = self.slots.borrow_mut().abandon(owner);
        let now = cmdlog::now_ns();
        for command in &abandoned {
            self.log.abandoned(command.logged, now);
        }
        self.accounts.abandoned(scope);
        abandoned
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("sqid", &self.sqid)
            .field("cqid", &self.completions.cqid())
            .field("entries", &self.ring.entries())
            .field("in_flight", &self.slots.borrow().in_flight())
            .finish_non_exhaustive()
    }
}
