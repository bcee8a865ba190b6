//! The host's half of a completion queue.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::rc::Weak;

use crate::spec::Cqe;
use crate::transport::TransportResult;

use super::core::Core;
use super::doorbell::Doorbell;
use super::ring::CompletionRing;

/// A completion queue, and the submission queues that complete in it.
#[derive(Debug)]
pub(crate) struct CompletionSide {
    cqid: u16,
    ring: CompletionRing,
    doorbell: Doorbell,
    head: Cell<u32>,
    phase: Cell<bool>,
    /// The head that the controller was told of.
    rung: Cell<u32>,
    submission: RefCell<Vec<(u16, Weak<Core>)>>,
}

/// The next entry, which was looked at and not taken.
pub(super) struct Next {
    pub(super) cqe: Cqe,
    /// Where it is.
    head: u32,
}

impl CompletionSide {
    pub(crate) fn new(cqid: u16, ring: CompletionRing, doorbell: Doorbell) -> Rc<Self> {
        Rc::new(Self {
            cqid,
            ring,
            doorbell,
            head: Cell::new(0),
            // The memory is zero, and the first pass through the queue writes ones (Base 4.2.4).
            phase: Cell::new(true),
            rung: Cell::new(0),
            submission: RefCell::default(),
        })
    }

    /// Lets completions of the submission queue find it.
    pub(super) fn attach(&self, core: &Rc<Core>) {
        let mut submission = self.submission.borrow_mut();
        submission.retain(|(_, core)| core.strong_count() != 0);
        submission.push((core.sqid(), Rc::downgrade(core)));
    }

    pub(crate) fn cqid(&self) -> u16 {
        self.cqid
    }

    pub(crate) fn ring(&self) -> &CompletionRing {
        &self.ring
    }

    /// Takes the next entry, if it is there.
    #[inline]
    pub(super) fn reap(&self) -> Option<Cqe> {
        let next = self.peek()?;
        self.take(&next);
        Some(next.cqe)
    }

    /// Looks at the next entry, if it is there.
    #[inline]
    pub(super) fn peek(&self) -> Option<Next> {
        let head = self.head.get();
        self.ring.read(head, self.phase.get()).map(|cqe| Next { cqe, head })
    }

    /// Takes the entry that was looked at.
    #[inline]
    pub(super) fn take(&self, entry: &Next) {
        let next = entry.head + 1;
        if next == self.ring.entries() {
            self.head.set(0);
            self.phase.set(!self.phase.get());
        } else {
            self.head.set(next);
        }
    }

    /// Gives the entries that were taken back to the controller.
    #[inline]
    pub(super) fn release(&self) -> TransportResult {
        if self.head.get() == self.rung.get() {
            return Ok(());
        }
        self.release_taken()
    }

    /// As [`release`](Self::release), where an entry was just taken.
    #[inline]
    pub(super) fn release_taken(&self) -> TransportResult {
        let head = self.head.get();
        self.rung.set(head);
        self.doorbell.ring(head)
    }

    /// Whether half of the queue waits to be given back.
    #[inline]
    pub(super) fn should_release(&self) -> bool {
        let (head, rung, entries) = (self.head.get(), self.rung.get(), self.ring.entries());
        let taken = if rung <= head { head - rung } else { head + entries - rung };
        entries / 2 <= taken
    }

    pub(super) fn submission_queue(&self, sqid: u16) -> Option<Rc<Core>> {
        let submission = self.submission.borrow();
        submission.iter().find(|(known, _)| *known == sqid).and_then(|(_, core)| core.upgrade())
    }
}
