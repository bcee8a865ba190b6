//! The slots of commands: a slot is a command identifier, and a part of the data.

use crate::cmdlog::Token;
use crate::ioworker::workload::Operation;

/// A slot, and the command that is in flight with its identifier, if there is one.
///
/// It is as long as a cache line, and what is done for a command touches no other.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(super) struct Slot {
    /// PRP1 and PRP2 of a command of the first size, which are the same each time.
    pub(super) prps: [u64; 2],
    pub(super) slba: u64,
    /// The bytes of the blocks that the command transfers.
    pub(super) bytes: u64,
    /// When the doorbell was rung.
    pub(super) submitted_ns: u64,
    pub(super) token: Token,
    pub(super) blocks: u32,
    /// The next slot of a list that it is in: of those that are free, or of those whose doorbell was not rung yet.
    next: u16,
    /// What the command does that is in flight.
    pub(super) operation: Option<Operation>,
}

const _: () = assert!(size_of::<Slot>() == 64);

/// All slots of a worker.
#[derive(Debug)]
pub(super) struct Slots {
    /// By command identifier.
    all: Box<[Slot]>,
    first_free: u16,
    /// Those whose doorbell was not rung yet, the last one first.
    first_not_rung: u16,
    in_flight: usize,
}

/// The end of a list: no slot has this number, for there are fewer.
const NONE: u16 = u16::MAX;

impl Slots {
    /// Makes `depth` slots; `prps` says which each has.
    pub(super) fn new(depth: u16, prps: impl Fn(u16) -> [u64; 2]) -> Self {
        let slot = |number: u16| Slot {
            prps: prps(number),
            slba: 0,
            bytes: 0,
            submitted_ns: 0,
            token: Token::NONE,
            blocks: 0,
            next: if number + 1 == depth { NONE } else { number + 1 },
            operation: None,
        };
        let first_free = if depth == 0 { NONE } else { 0 };
        let all = (0..depth).map(slot).collect();
        Self { all, first_free, first_not_rung: NONE, in_flight: 0 }
    }

    /// Whether there is a free one.
    #[inline(always)]
    pub(super) fn has_free(&self) -> bool {
        self.first_free != NONE
    }

    /// How many are free.
    #[inline(always)]
    pub(super) fn free(&self) -> usize {
        self.all.len() - self.in_flight
    }

    /// How many commands are in flight.
    #[inline(always)]
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The commands that are in flight.
    pub(super) fn pending(&self) -> impl Iterator<Item = &Slot> {
        self.all.iter().filter(|slot| slot.operation.is_some())
    }

    /// Takes a free slot for a command, and returns its number; there is one.
    #[inline(always)]
    pub(super) fn take(&mut self) -> (u16, &mut Slot) {
        let number = self.first_free;
        let slot = &mut self.all[usize::from(number)];
        self.first_free = slot.next;
        slot.next = self.first_not_rung;
        self.first_not_rung = number;
        self.in_flight += 1;
        (number, slot)
    }

    /// The slot of a number, which there is.
    #[inline]
    pub(super) fn at(&mut self, number: u16) -> &mut Slot {
        &mut self.all[usize::from(number)]
    }

    /// Notes when the doorbell was rung for those that were taken since it was rung last. None of them was given back.
    #[inline(always)]
    pub(super) fn note_rung(&mut self, at_ns: u64) {
        let mut next = self.first_not_rung;
        while let Some(slot) = self.all.get_mut(usize::from(next)) {
            slot.submitted_ns = at_ns;
            next = slot.next;
        }
        self.first_not_rung = NONE;
    }

    /// Frees the slot of a command that has completed; `None` if there is no such command in flight.
    #[inline(always)]
    pub(super) fn end(&mut self, cid: u16) -> Option<(Operation, &Slot)> {
        let slot = self.all.get_mut(usize::from(cid))?;
        let operation = slot.operation.take()?;
        slot.next = self.first_free;
        self.first_free = cid;
        self.in_flight -= 1;
        Some((operation, slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_taken_once_until_it_is_given_back() {
        let mut slots = Slots::new(3, |number| [u64::from(number), 7]);
        let take = |slots: &mut Slots| {
            let (number, slot) = slots.take();
            assert_eq!((slot.prps, slot.operation), ([u64::from(number), 7], None));
            slot.operation = Some(Operation::Read);
            number
        };
        assert_eq!([0; 3].map(|_| take(&mut slots)), [0, 1, 2]);
        assert!(!slots.has_free());
        assert_eq!((slots.free(), slots.in_flight(), slots.pending().count()), (0, 3, 3));
        slots.note_rung(5);
        assert!(slots.end(1).is_some() && slots.end(1).is_none());
        assert!(slots.end(3).is_none() && slots.end(u16::MAX).is_none());
        assert!(slots.end(0).is_some());
        assert_eq!((slots.free(), slots.pending().count()), (2, 1));
        assert_eq!([0; 2].map(|_| take(&mut slots)), [0, 1]);
        assert!(!slots.has_free());
    }

    #[test]
    fn the_doorbell_was_rung_for_what_was_taken_since_it_was_last() {
        let mut slots = Slots::new(4, |_| [0; 2]);
        let take = |slots: &mut Slots| slots.take().1.operation = Some(Operation::Write);
        (0..3).for_each(|_| take(&mut slots));
        slots.note_rung(5);
        assert!(slots.end(1).is_some());
        take(&mut slots);
        take(&mut slots);
        slots.note_rung(9);
        slots.note_rung(11);
        let times: Vec<_> = slots.pending().map(|slot| slot.submitted_ns).collect();
        assert_eq!(times, [5, 9, 5, 9]);
    }
}
