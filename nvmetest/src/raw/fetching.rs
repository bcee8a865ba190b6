//! What a device may fetch of a submission queue, and when.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::VecDeque;

use crate::cmdlog::Ring;
use crate::cmdlog::Token;
use crate::cmdlog::now_ns;
use crate::spec::Cqe;
use crate::spec::Sqe;

use super::Entry;
use super::reach::Reach;

/// The slots of a submission queue that was made by hand, as far as the host knows them.
pub(crate) struct Fetching {
    cqid: u16,
    /// What stands in each slot, or may be seen there while it is written.
    slots: RefCell<Vec<Slot>>,
    /// The submission queue head, as far as the controller said.
    head: Cell<u32>,
    /// What the tail doorbell was rung with.
    tail: Cell<u32>,
    /// Whether any entry may be fetched at any time: the doorbell was rung with what is no new tail.
    wild: Cell<bool>,
    log: Ring,
    /// What was logged and has not completed.
    logged: RefCell<VecDeque<(u16, Token)>>,
}

#[derive(Clone)]
struct Slot {
    reach: Reach,
    /// The last entry, until it is logged.
    entry: Option<Box<(Sqe, &'static std::panic::Location<'static>)>>,
}

/// As many commands are remembered that were submitted and have not completed.
const MOST_LOGGED: usize = 1 << 16;

impl Fetching {
    pub(super) fn new(cqid: u16, entries: u32, zeroes: Reach, log: Ring) -> Self {
        let slots = vec![Slot { reach: zeroes, entry: None }; entries as usize];
        Self {
            cqid,
            slots: RefCell::new(slots),
            head: Cell::new(0),
            tail: Cell::new(0),
            wild: Cell::new(false),
            log,
            logged: RefCell::default(),
        }
    }

    /// From now on nothing is known of what the device has fetched.
    pub(super) fn trust_no_head(&self) {
        self.wild.set(true);
    }

    fn entries(&self) -> u32 {
        self.slots.borrow().len() as u32
    }

    /// How many steps it is from the head to `index`.
    fn steps_to(&self, index: u32) -> u32 {
        (index + self.entries() - self.head.get()) % self.entries()
    }

    pub(super) fn tail(&self) -> u32 {
        self.tail.get()
    }

    /// Whether the device may be fetching the slot now.
    fn is_exposed(&self, index: u32) -> bool {
        self.wild.get() || self.steps_to(index) < self.steps_to(self.tail.get())
    }

    /// Notes that an entry is about to be written to a slot, or says why it must not be.
    pub(super) fn write(&self, index: u32, entry: &Entry, reach: Reach) -> Result<(), String> {
        let exposed = self.is_exposed(index);
        let mut slots = self.slots.borrow_mut();
        let slot = &mut slots[index as usize];
        let mixed = if exposed { slot.reach | reach } else { reach };
        if exposed && !mixed.is_harmless() {
            return Err(format!(
                "the device may be fetching slot {index}, and a mixture of two entries would let it write \
                 anywhere: take a slot that it has consumed, as a completion taken with `wait` says, or let PRP \
                 Entry 2 of both name nothing"
            ));
        }
        slot.reach = mixed;
        slot.entry = Some(Box::new((entry.sqe(), entry.site)));
        Ok(())
    }

    /// Notes that the doorbell is about to be rung.
    pub(super) fn ring(&self, value: u32) {
        let entries = self.entries();
        if entries <= value {
            self.wild.set(true);
            return;
        }
        let before = self.tail.get();
        if self.steps_to(value) < self.steps_to(before) {
            self.wild.set(true);
        }
        self.tail.set(value);
        let mut slots = self.slots.borrow_mut();
        let mut logged = self.logged.borrow_mut();
        let mut index = before;
        while index != value {
            if let Some(entry) = slots[index as usize].entry.take() {
                let (sqe, site) = *entry;
                let token = self.log.submitted(&sqe, site, now_ns());
                if logged.len() == MOST_LOGGED {
                    logged.pop_front();
                }
                logged.push_back((sqe.cid(), token));
            }
            index = (index + 1) % entries;
        }
    }

    /// Notes a completion that completion queue `cqid` was not seen to hold before. What it says of the head counts
    /// if the queue was read in order.
    pub(super) fn completed(&self, cqid: u16, cqe: &Cqe, in_order: bool) {
        if cqid != self.cqid {
            return;
        }
        let mut logged = self.logged.borrow_mut();
        let found = logged.iter().position(|(cid, _)| *cid == cqe.cid.get());
        if let Some((_, token)) = found.and_then(|index| logged.remove(index)) {
            self.log.completed(token, cqe, now_ns());
        }
        let sqhd = u32::from(cqe.sqhd.get());
        let moves_on = self.steps_to(sqhd % self.entries()) <= self.steps_to(self.tail.get());
        if in_order && !self.wild.get() && sqhd < self.entries() && moves_on {
            self.head.set(sqhd);
        }
    }

    /// Whether an entry is safe only as long as namespaces keep their formats.
    pub(crate) fn relies_on_formats(&self) -> bool {
        self.slots.borrow().iter().any(|slot| slot.reach.relies_on_format)
    }
}

impl std::fmt::Debug for Fetching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetching")
            .field("entries", &self.entries())
            .field("head", &self.head)
            .field("tail", &self.tail)
            .field("wild", &self.wild)
            .finish_non_exhaustive()
    }
}
