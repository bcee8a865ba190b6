//! The commands in flight, by command identifier.

use std::cell::Cell;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use zerocopy::FromZeros;

use crate::Error;
use crate::cmdlog::Token;
use crate::cmdlog::now_ns;
use crate::command;
use crate::command::Callback;
use crate::command::Completion;
use crate::command::Expected;
use crate::command::Terms;
use crate::memory::Block;
use crate::memory::Places;
use crate::spec::Cqe;
use crate::spec::Sqe;
use crate::spec::Status;

use super::key::Key;
use super::key::Owner;

/// The slots of one submission queue: one for each command that it holds.
///
/// A slot is written in place, and nothing of it is borrowed while code of the test runs.
pub(super) struct Slots {
    slots: Box<[Slot]>,
    /// The first free slot, or [`NONE`]; each free slot knows the next.
    free: Cell<u16>,
    /// Which bits of an identifier are the slot's number. The others count how often the slot was used, so that a
    /// completion that comes twice, or too late, does not pass for that of a later command.
    mask: u64,
    /// Completions that wait for their ticket when their slot is used again.
    unclaimed: RefCell<Vec<Unclaimed>>,
}

/// The number of no slot: a queue has 65,535 at most.
const NONE: u16 = u16::MAX;

/// The place of one command at a time.
pub(super) struct Slot {
    /// The latest command.
    key: Cell<Key>,
    state: Cell<State>,
    claim: Cell<Claim>,
    next_free: Cell<u16>,
    owner: Cell<Owner>,
    since_ns: Cell<u64>,
    timeout_ns: Cell<u64>,
    logged: Cell<Token>,
    opcode: Cell<u8>,
    site: Cell<&'static Location<'static>>,
    /// The rest of what is known, of a command that is not plain.
    particulars: Cell<Particulars>,
    pub(super) places: Cell<Places>,
    /// What a plain command lends; of another, the PRP Lists and SGL segments that did not fit into the slot's own.
    pub(super) kept: Cell<Option<Arc<Block>>>,
    pub(super) callback: Cell<Option<Callback<'static>>>,
    /// How the latest command ended, while somebody may ask.
    cqe: Cell<Cqe>,
    at_ns: Cell<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Free,
    Busy,
    /// Busy, and there is nothing that its completion would have to look at: no callback, no list, no canary, and of
    /// statuses only success is expected.
    Plain,
    /// Given up; the device may still complete the command.
    Zombie,
}

/// Whether somebody will ask how the latest command ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// Nobody: its ticket was dropped, or has asked.
    None,
    /// A ticket, when the command is complete.
    Open,
    /// A ticket: the command is complete.
    Ready,
}

/// What is known of a command in flight.
#[derive(Clone, Copy)]
pub(super) struct Facts {
    pub(super) owner: Owner,
    /// When it was submitted (`cmdlog::now_ns`), and how long it may take.
    pub(super) since_ns: u64,
    pub(super) timeout_ns: u64,
    pub(super) logged: Token,
    pub(super) opcode: u8,
    pub(super) cdw10: u32,
    pub(super) admin: bool,
    pub(super) expected: Option<Expected>,
    pub(super) site: &'static Location<'static>,
}

/// What is known of a command that is not plain.
#[derive(Clone, Copy)]
struct Particulars {
    cdw10: u32,
    admin: bool,
    expected: Option<Expected>,
}

impl Particulars {
    const NONE: Self = Self { cdw10: 0, admin: false, expected: None };
}

/// How a command ended.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub(super) cqe: Cqe,
    pub(super) latency_ns: u64,
}

struct Unclaimed {
    key: Key,
    owner: Owner,
    end: End,
}

/// What a completion belongs to.
pub(super) enum Found<'s> {
    Command(&'s Slot),
    /// One that was given up before.
    Late,
    /// None.
    Unknown,
}

/// What a command that was given up has lent, and the callback that was never called.
pub(super) struct Straggler {
    pub(super) key: Key,
    pub(super) facts: Facts,
    pub(super) places: Places,
    pub(super) kept: Option<Arc<Block>>,
    _callback: Option<Callback<'static>>,
}

impl Slots {
    pub(super) fn new(commands: usize) -> Self {
        let last = commands - 1;
        let slots = (0..commands).map(|number| {
            let next_free = if number == last { NONE } else { number as u16 + 1 };
            Slot::new(number as u16, next_free)
        });
        let mask = (1_u64 << (usize::BITS - last.leading_zeros())) - 1;
        Self { slots: slots.collect(), free: Cell::new(0), mask, unclaimed: RefCell::default() }
    }

    /// Whether all identifiers are in use.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.free.get() == NONE
    }

    /// How many commands are in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.busy().count()
    }

    /// Takes a slot, and so an identifier, for a command that is about to be submitted.
    ///
    /// `is_open` says of a scope whether its tickets may still ask.
    #[inline]
    pub(super) fn reserve(&self, is_open: impl Fn(Owner) -> bool) -> Option<&Slot> {
        let slot = self.slots.get(usize::from(self.free.get()))?;
        self.free.set(slot.next_free.get());
        if slot.claim.get() == Claim::Ready {
            self.keep(slot, is_open);
        }
        slot.key.set(slot.key.get().next(self.mask));
        Some(slot)
    }

    /// Keeps how the latest command of a slot ended, for its ticket.
    #[cold]
    fn keep(&self, slot: &Slot, is_open: impl Fn(Owner) -> bool) {
        let (key, owner, end) = (slot.key.get(), slot.owner.get(), slot.end());
        if is_open(owner) {
            self.unclaimed.borrow_mut().push(Unclaimed { key, owner, end });
        }
    }

    /// Frees a slot, and so its identifier.
    #[inline]
    pub(super) fn release(&self, slot: &Slot) {
        slot.state.set(State::Free);
        slot.next_free.set(self.free.get());
        self.free.set(slot.key.get().number(self.mask));
    }

    /// Finds the command that `cid` names.
    #[inline]
    pub(super) fn find(&self, cid: u16) -> Found<'_> {
        let Some(slot) = self.with_cid(cid) else { return Found::Unknown };
        match slot.state.get() {
            State::Busy | State::Plain => Found::Command(slot),
            State::Free => Found::Unknown,
            State::Zombie => {
                self.release(slot);
                Found::Late
            }
        }
    }

    /// The slot whose latest command has the identifier.
    #[inline]
    pub(super) fn with_cid(&self, cid: u16) -> Option<&Slot> {
        let slot = self.slots.get(usize::from(Key::of_cid(cid).number(self.mask)))?;
        (slot.key.get().cid() == cid).then_some(slot)
    }

    /// Gives up all commands of `owner`. Their identifiers stay out of use.
    pub(super) fn abandon(&self, owner: Owner) -> Vec<Straggler> {
        let abandoned = self.busy().filter(|slot| slot.owner.get() == owner);
        abandoned.map(Slot::abandon).collect()
    }

    pub(super) fn busy(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| matches!(slot.state.get(), State::Busy | State::Plain))
    }

    /// The identifiers in flight, the one that was submitted last first.
    pub(super) fn youngest_first(&self) -> Vec<u16> {
        let since_and_cid = |slot: &Slot| (slot.facts().since_ns, slot.key().cid());
        let mut busy: Vec<_> = self.busy().map(since_and_cid).collect();
        busy.sort_unstable_by_key(|&(since_ns, _)| Reverse(since_ns));
        busy.into_iter().map(|(_, cid)| cid).collect()
    }

    /// The number of a slot.
    pub(super) fn number(&self, slot: &Slot) -> u16 {
        slot.key.get().number(self.mask)
    }

    /// The number of the slot that the command of `key` has, or had.
    pub(super) fn number_of(&self, key: Key) -> u16 {
        key.number(self.mask)
    }

    /// The slot whose latest command is that of `key`.
    #[inline]
    pub(super) fn latest(&self, key: Key) -> Option<&Slot> {
        let slot = self.slots.get(usize::from(key.number(self.mask)))?;
        (slot.key.get() == key).then_some(slot)
    }

    /// How the command of a ticket ended, if it has, and nobody has asked.
    pub(super) fn end(&self, key: Key) -> Option<End> {
        match self.latest(key) {
            Some(slot) => slot.is_ready().then(|| slot.end()),
            None => self.unclaimed(key),
        }
    }

    fn unclaimed(&self, key: Key) -> Option<End> {
        let unclaimed = self.unclaimed.borrow();
        unclaimed.iter().find(|unclaimed| unclaimed.key == key).map(|unclaimed| unclaimed.end)
    }

    /// Whether the end of the command may still be asked for: not if it was given up.
    pub(super) fn is_claimed(&self, key: Key) -> bool {
        match self.latest(key) {
            Some(slot) => slot.claim.get() != Claim::None,
            None => self.unclaimed(key).is_some(),
        }
    }

    /// The ticket of the command has asked, or is gone: nobody will ask any more.
    #[inline]
    pub(super) fn disclaim(&self, key: Key) {
        match self.latest(key) {
            Some(slot) => slot.disclaim(),
            None => self.forget(key),
        }
    }

    #[cold]
    #[inline(never)]
    fn forget(&self, key: Key) {
        self.unclaimed.borrow_mut().retain(|unclaimed| unclaimed.key != key);
    }

    /// The scope has ended: nobody will ask for the ends of its commands, whose tickets were leaked.
    #[inline]
    pub(super) fn forget_scope(&self, scope: Owner) {
        let mut unclaimed = self.unclaimed.borrow_mut();
        if !unclaimed.is_empty() {
            unclaimed.retain(|unclaimed| unclaimed.owner != scope);
        }
    }
}

impl Slot {
    fn new(number: u16, next_free: u16) -> Self {
        Self {
            key: Cell::new(Key::of_cid(number)),
            state: Cell::new(State::Free),
            claim: Cell::new(Claim::None),
            next_free: Cell::new(next_free),
            owner: Cell::new(Owner::SESSION),
            since_ns: Cell::new(0),
            timeout_ns: Cell::new(0),
            logged: Cell::new(Token::NONE),
            opcode: Cell::new(0),
            site: Cell::new(Location::caller()),
            particulars: Cell::new(Particulars::NONE),
            places: Cell::new(Places::None),
            kept: Cell::new(None),
            callback: Cell::new(None),
            cqe: Cell::new(Cqe::new_zeroed()),
            at_ns: Cell::new(0),
        }
    }

    #[inline]
    pub(super) fn key(&self) -> Key {
        self.key.get()
    }

    #[inline]
    pub(super) fn owner(&self) -> Owner {
        self.owner.get()
    }

    /// Whether a plain command is in flight.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.state.get() == State::Plain
    }

    #[inline]
    pub(super) fn logged(&self) -> Token {
        self.logged.get()
    }

    /// What is known of the command in flight.
    pub(super) fn facts(&self) -> Facts {
        // A plain command leaves there what was known of an earlier one.
        let is_plain = self.state.get() == State::Plain;
        let particulars = if is_plain { Particulars::NONE } else { self.particulars.get() };
        let Particulars { cdw10, admin, expected } = particulars;
        Facts {
            owner: self.owner.get(),
            since_ns: self.since_ns.get(),
            timeout_ns: self.timeout_ns.get(),
            logged: self.logged.get(),
            opcode: self.opcode.get(),
            cdw10,
            admin,
            expected,
            site: self.site.get(),
        }
    }

    /// Whether the latest command is complete, and its ticket has not asked for its end.
    #[inline]
    pub(super) fn is_ready(&self) -> bool {
        self.claim.get() == Claim::Ready
    }

    /// How the latest command ended.
    #[inline]
    pub(super) fn end(&self) -> End {
        let latency_ns = self.at_ns.get().saturating_sub(self.since_ns.get());
        End { cqe: self.cqe.get(), latency_ns }
    }

    /// Nobody will ask any more.
    #[inline]
    pub(super) fn disclaim(&self) {
        self.claim.set(Claim::None);
    }

    /// A command is about to be submitted in the slot.
    #[inline]
    pub(super) fn occupy(&self, facts: Facts) {
        let Facts { owner, since_ns, timeout_ns, logged, opcode, cdw10, admin, expected, site } =
            facts;
        self.owner.set(owner);
        self.since_ns.set(since_ns);
        self.timeout_ns.set(timeout_ns);
        self.logged.set(logged);
        self.opcode.set(opcode);
        self.site.set(site);
        self.particulars.set(Particulars { cdw10, admin, expected });
        self.state.set(State::Busy);
        self.claim.set(Claim::Open);
    }

    /// A plain command is about to be submitted in the slot, and lends `block`.
    #[inline]
    pub(super) fn occupy_plain(
        &self,
        owner: Owner,
        (since_ns, timeout_ns): (u64, u64),
        opcode: u8,
        site: &'static Location<'static>,
        block: Arc<Block>,
    ) {
        self.owner.set(owner);
        self.since_ns.set(since_ns);
        self.timeout_ns.set(timeout_ns);
        self.opcode.set(opcode);
        self.site.set(site);
        // A free slot holds nothing that would have to be dropped.
        std::mem::forget(self.kept.replace(Some(block)));
        self.state.set(State::Plain);
        self.claim.set(Claim::Open);
    }

    /// Keeps what the log calls the command.
    #[inline]
    pub(super) fn log_as(&self, logged: Token) {
        self.logged.set(logged);
    }

    /// Keeps what the command lends, and its callback.
    #[inline]
    pub(super) fn lend(&self, places: Places, callback: Option<Callback<'static>>) {
        // A free slot holds nothing that would have to be dropped.
        std::mem::forget(self.places.replace(places));
        if callback.is_some() {
            self.callback.set(callback);
        }
    }

    /// Lets go of what the command lent.
    #[inline(always)]
    pub(super) fn give_back(&self) {
        match self.places.replace(Places::None) {
            Places::One(place) => drop(place.block),
            places => drop_others(places),
        }
        drop(self.kept.take());
    }

    /// The command is complete: this is what its ticket will be told, if it still has one.
    #[inline]
    pub(super) fn complete(&self, cqe: &Cqe, at_ns: u64) {
        self.end_with(cqe, at_ns);
        self.make_ready();
    }

    /// Keeps how the command ended.
    #[inline]
    pub(super) fn end_with(&self, cqe: &Cqe, at_ns: u64) {
        self.cqe.set(*cqe);
        self.at_ns.set(at_ns);
    }

    /// Has the ticket, if it still is there, find the end.
    #[inline]
    pub(super) fn make_ready(&self) {
        if self.claim.get() == Claim::Open {
            self.claim.set(Claim::Ready);
        }
    }

    /// Takes the memory of the command from the device. Returns whether all of it is out of reach.
    pub(super) fn revoke(&self) -> bool {
        // Nothing is dropped in between, for nothing else has the slot.
        let (places, kept) = (self.places.replace(Places::None), self.kept.take());
        let revoked = revoke(&places, kept.as_ref());
        self.places.set(places);
        self.kept.set(kept);
        revoked
    }

    fn abandon(&self) -> Straggler {
        let facts = self.facts();
        self.state.set(State::Zombie);
        self.claim.set(Claim::None);
        Straggler {
            key: self.key.get(),
            facts,
            places: self.places.replace(Places::None),
            kept: self.kept.take(),
            _callback: self.callback.take(),
        }
    }
}

impl Straggler {
    /// Takes the memory of the command from the device. Returns whether all of it is out of reach.
    pub(super) fn revoke(&self) -> bool {
        revoke(&self.places, self.kept.as_ref())
    }
}

fn revoke(places: &Places, kept: Option<&Arc<Block>>) -> bool {
    let blocks = places.as_slice().iter().map(|place| &place.block).chain(kept);
    // Each is revoked, also when one cannot be.
    blocks.filter(|block| !block.revoke()).count() == 0
}

/// The places of a command that lends none, or many.
#[inline(never)]
fn drop_others(places: Places) {
    drop(places);
}

impl Facts {
    #[inline]
    pub(super) fn new(
        owner: Owner,
        sqe: &Sqe,
        terms: &Terms,
        logged: Token,
        (since_ns, timeout_ns): (u64, u64),
    ) -> Self {
        Self {
            owner,
            since_ns,
            timeout_ns,
            logged,
            opcode: sqe.opcode(),
            cdw10: sqe.cdw10.get(),
            admin: terms.admin,
            expected: terms.expected,
            site: terms.site,
        }
    }

    /// When its time is up.
    pub(super) fn due_ns(&self) -> u64 {
        self.since_ns.saturating_add(self.timeout_ns)
    }

    pub(super) fn timed_out(&self, sqid: u16) -> Error {
        let after = Duration::from_nanos(now_ns().saturating_sub(self.since_ns));
        Error::Timeout { command: self.describe(sqid), after, site: self.site }
    }

    pub(super) fn unexpected(&self, sqid: u16, status: Status) -> Error {
        let expected = self.expected.unwrap_or(Expected::SUCCESS);
        Error::Status { command: self.describe(sqid), status, expected, site: self.site }
    }

    /// Says how the command is called in messages.
    pub(super) fn describe(&self, sqid: u16) -> String {
        command::describe(self.admin, self.opcode, sqid)
    }
}

impl End {
    pub(super) fn completion(&self) -> Completion {
        let field = self.cqe.status_field();
        Completion {
            cdw0: self.cqe.dw0.get(),
            status: field.status(),
            field,
            sqhd: self.cqe.sqhd.get(),
            cid: self.cqe.cid.get(),
            latency: Duration::from_nanos(self.latency_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scope 2 has ended.
    fn is_open(scope: Owner) -> bool {
        scope != Owner::scope(2) && scope != Owner::SESSION
    }

    /// Submits and completes a command; what its completion says is `dw0`.
    fn run(slots: &Slots, owner: Owner, dw0: u32) -> Key {
        let slot = slots.reserve(is_open).expect("there is a free slot");
        slot.occupy(Facts { owner, ..slot.facts() });
        let mut cqe = Cqe::new_zeroed();
        cqe.dw0 = dw0.into();
        slot.complete(&cqe, 0);
        slots.release(slot);
        slot.key()
    }

    fn dw0(end: Option<End>) -> Option<u32> {
        end.map(|end| end.cqe.dw0.get())
    }

    #[test]
    fn a_ticket_finds_its_end_when_another_command_has_the_slot() {
        let slots = Slots::new(1);
        let keys: Vec<Key> = (0..5).map(|dw0| run(&slots, Owner::scope(1), dw0)).collect();
        for (&key, number) in keys.iter().zip(0..) {
            assert_eq!(dw0(slots.end(key)), Some(number));
            slots.disclaim(key);
            assert_eq!(dw0(slots.end(key)), None);
        }
        assert!(slots.unclaimed.borrow().is_empty());
    }

    #[test]
    fn nothing_is_kept_for_a_ticket_that_was_dropped() {
        let slots = Slots::new(1);
        for dw0 in 0..100 {
            slots.disclaim(run(&slots, Owner::scope(1), dw0));
        }
        assert!(slots.unclaimed.borrow().is_empty());
    }

    #[test]
    fn what_is_kept_for_leaked_tickets_goes_with_their_scope() {
        let slots = Slots::new(1);
        let outer = run(&slots, Owner::scope(1), 7);
        for dw0 in 0..9 {
            run(&slots, Owner::scope(3), dw0);
        }
        assert_eq!(slots.unclaimed.borrow().len(), 9);
        slots.forget_scope(Owner::scope(3));
        assert_eq!(slots.unclaimed.borrow().len(), 1);
        assert_eq!(dw0(slots.end(outer)), Some(7));
    }

    #[test]
    fn nothing_is_kept_for_a_scope_that_has_ended_or_for_the_session() {
        let slots = Slots::new(1);
        for owner in [Owner::scope(2), Owner::SESSION, Owner::scope(2), Owner::scope(1)] {
            run(&slots, owner, 0);
        }
        assert!(slots.unclaimed.borrow().is_empty());
    }

    #[test]
    fn a_full_queue_has_no_slot_and_a_zombie_keeps_its_own() {
        let slots = Slots::new(2);
        for owner in [1, 2] {
            let slot = slots.reserve(is_open).expect("there is a free slot");
            slot.occupy(Facts { owner: Owner::scope(owner), ..slot.facts() });
        }
        assert!(slots.is_full() && slots.reserve(is_open).is_none());
        assert_eq!(slots.abandon(Owner::scope(1)).len(), 1);
        assert!(slots.is_full());
        let zombie = slots.slots.iter().find(|slot| slot.state.get() == State::Zombie);
        assert!(matches!(slots.find(zombie.expect("one was given up").key().cid()), Found::Late));
        assert!(!slots.is_full());
        assert_eq!(slots.in_flight(), 1);
    }
}
