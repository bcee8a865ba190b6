//! Which I/O queues there are.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::Error;
use crate::Result;

/// The I/O queue identifiers: which are taken by the host, and which the device has.
///
/// They differ when a test creates a queue by hand, and when a deletion fails.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    submission: Identifiers,
    completion: Identifiers,
}

#[derive(Debug, Default)]
struct Identifiers {
    granted: Cell<u16>,
    taken: RefCell<BTreeSet<u16>>,
    live: RefCell<BTreeSet<u16>>,
}

impl Identifiers {
    fn free(&self, kind: &'static str) -> Result<u16> {
        let (taken, live) = (self.taken.borrow(), self.live.borrow());
        let granted = self.granted.get();
        let free = (1..=granted).find(|id| !taken.contains(id) && !live.contains(id));
        free.ok_or(Error::NoQueue { kind, granted })
    }

    fn take(&self, kind: &'static str) -> Result<u16> {
        let id = self.free(kind)?;
        self.taken.borrow_mut().insert(id);
        Ok(id)
    }

    fn live(&self) -> Vec<u16> {
        self.live.borrow().iter().copied().collect()
    }
}

impl Queues {
    /// Notes how many queues the controller granted, after it was reset: nobody holds a queue then, but for those
    /// that were forgotten.
    pub(super) fn grant(&self, submission: u16, completion: u16) {
        for (identifiers, granted) in
            [(&self.submission, submission), (&self.completion, completion)]
        {
            identifiers.granted.set(granted);
            identifiers.taken.borrow_mut().clear();
        }
    }

    /// How many submission and completion queues the controller granted.
    pub(crate) fn granted(&self) -> (u16, u16) {
        (self.submission.granted.get(), self.completion.granted.get())
    }

    /// The first identifiers of a submission and of a completion queue that are those of none.
    pub(super) fn free(&self) -> Result<(u16, u16)> {
        Ok((self.submission.free("submission")?, self.completion.free("completion")?))
    }

    pub(crate) fn take_sq(&self) -> Result<u16> {
        self.submission.take("submission")
    }

    pub(crate) fn take_cq(&self) -> Result<u16> {
        self.completion.take("completion")
    }

    pub(crate) fn free_sq(&self, id: u16) {
        self.submission.taken.borrow_mut().remove(&id);
    }

    pub(crate) fn free_cq(&self, id: u16) {
        self.completion.taken.borrow_mut().remove(&id);
    }

    /// Whether a queue pair of the driver's has the identifier: it rings the doorbell, whatever the device has.
    pub(crate) fn is_sq_taken(&self, id: u16) -> bool {
        self.submission.taken.borrow().contains(&id)
    }

    /// As [`is_sq_taken`](Self::is_sq_taken), of completion queues.
    pub(crate) fn is_cq_taken(&self, id: u16) -> bool {
        self.completion.taken.borrow().contains(&id)
    }

    pub(crate) fn has_sq(&self, id: u16) -> bool {
        self.submission.live.borrow().contains(&id)
    }

    pub(crate) fn has_cq(&self, id: u16) -> bool {
        self.completion.live.borrow().contains(&id)
    }

    pub(super) fn add_sq(&self, id: u16) {
        self.submission.live.borrow_mut().insert(id);
    }

    pub(super) fn add_cq(&self, id: u16) {
        self.completion.live.borrow_mut().insert(id);
    }

    pub(super) fn remove_sq(&self, id: u16) {
        self.submission.live.borrow_mut().remove(&id);
    }

    pub(super) fn remove_cq(&self, id: u16) {
        self.completion.live.borrow_mut().remove(&id);
    }

    pub(super) fn clear_live(&self) {
        self.submission.live.borrow_mut().clear();
        self.completion.live.borrow_mut().clear();
    }

    /// The I/O queues that the device has: submission, and completion queues.
    ///
    /// Whether the host has taken their identifiers says nothing: a test may have forgotten the owner of one.
    pub(crate) fn live(&self) -> (Vec<u16>, Vec<u16>) {
        (self.submission.live(), self.completion.live())
    }
}
