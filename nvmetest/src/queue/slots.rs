//! The commands in flight, by command identifier.

use std::cell::Cell;
use std::cell::RefCell;
use std::cmp::Reverse;

use super::facts::End;
use super::key::Key;
use super::key::Owner;
use super::slot::Slot;
use super::slot::State;
use super::straggler::Straggler;

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

impl Slots {
    pub(super) fn new(commands: usize) -> Self {
        let last = commands - 1;
        let slots = (0..commands).map(|number| {
            let next_free = if number == last { NONE } else { number as u16 + 1 };
            Slot::new(number as u16, next_free)
        });
        // No slot has the number with all of the bits, so no identifier is FFFFh, which is not to be used: the Error
        // Information log says it for "no command" (Base 4.1).
        let mask = (commands as u64 + 1).next_power_of_two() - 1;
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
        self.free.set(slot.next_free());
        if slot.is_ready() {
            self.keep(slot, is_open);
        }
        slot.renew(self.mask);
        Some(slot)
    }

    /// Keeps how the latest command of a slot ended, for its ticket.
    #[cold]
    fn keep(&self, slot: &Slot, is_open: impl Fn(Owner) -> bool) {
        let (key, owner, end) = (slot.key(), slot.owner(), slot.end());
        if is_open(owner) {
            self.unclaimed.borrow_mut().push(Unclaimed { key, owner, end });
        }
    }

    /// Frees a slot, and so its identifier.
    #[inline]
    pub(super) fn release(&self, slot: &Slot) {
        slot.free(self.free.get());
        self.free.set(slot.number());
    }

    /// Finds the command that `cid` names.
    #[inline]
    pub(super) fn find(&self, cid: u16) -> Found<'_> {
        let Some(slot) = self.with_cid(cid) else { return Found::Unknown };
        match slot.state() {
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
        (slot.key().cid() == cid).then_some(slot)
    }

    /// Gives up all commands of `owner`. Their identifiers stay out of use.
    pub(super) fn abandon(&self, owner: Owner) -> Vec<Straggler> {
        let abandoned = self.busy().filter(|slot| slot.owner() == owner);
        abandoned.map(Slot::abandon).collect()
    }

    /// The slots of commands that were given up and have not completed.
    pub(super) fn given_up(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.state() == State::Zombie)
    }

    pub(super) fn busy(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.is_busy())
    }

    /// The identifiers in flight, the one that was submitted last first.
    pub(super) fn youngest_first(&self) -> Vec<u16> {
        let since_and_cid = |slot: &Slot| (slot.facts().since_ns, slot.key().cid());
        let mut busy: Vec<_> = self.busy().map(since_and_cid).collect();
        busy.sort_unstable_by_key(|&(since_ns, _)| Reverse(since_ns));
        busy.into_iter().map(|(_, cid)| cid).collect()
    }

    /// The number of the slot that the command of `key` has, or had.
    pub(super) fn number_of(&self, key: Key) -> u16 {
        key.number(self.mask)
    }

    /// The slot whose latest command is that of `key`.
    #[inline]
    pub(super) fn latest(&self, key: Key) -> Option<&Slot> {
        let slot = self.slots.get(usize::from(key.number(self.mask)))?;
        (slot.key() == key).then_some(slot)
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
            Some(slot) => slot.is_claimed(),
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

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use crate::queue::facts::Facts;
    use crate::spec::Cqe;

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
        let zombie = slots.slots.iter().find(|slot| slot.state() == State::Zombie);
        assert!(matches!(slots.find(zombie.expect("one was given up").key().cid()), Found::Late));
        assert!(!slots.is_full());
        assert_eq!(slots.in_flight(), 1);
    }
}
