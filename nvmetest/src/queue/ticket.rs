//! A command in flight, as the test sees it.

use std::cell::Cell;
use std::rc::Rc;

use crate::Result;
use crate::command::Completion;

use super::scope::Poller;

/// Where a completion waits for its ticket. Shared, and not owned by the ticket, for a test may drop or leak
/// the ticket.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(super) completion: Cell<Option<Completion>>,
    /// The command identifier.
    pub(super) cid: Cell<u16>,
    /// Whether the command was never submitted. Its failure says why, unless the scope had ended.
    pub(super) refused: Cell<bool>,
}

impl Outcome {
    pub(crate) fn cid(&self) -> u16 {
        self.cid.get()
    }
}

/// A command in flight.
///
/// The ticket holds what the command borrowed, and returns it from [`wait`](Self::wait). To drop or leak a
/// ticket is harmless: the memory then stays lent until the scope ends.
pub struct Ticket<'scope, D = ()> {
    poller: Poller<'scope>,
    outcome: Rc<Outcome>,
    data: D,
}

impl<'scope, D> Ticket<'scope, D> {
    #[inline]
    pub(crate) fn new(poller: Poller<'scope>, outcome: Rc<Outcome>, data: D) -> Self {
        Self { poller, outcome, data }
    }

    /// Waits for the command and returns its data.
    ///
    /// # Errors
    ///
    /// Fails if the status is not the expected one, or on timeout.
    #[inline]
    pub fn wait(self) -> Result<D> {
        let (_completion, data) = self.reap()?;
        Ok(data)
    }

    /// Waits for the command and returns its completion and its data.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    #[inline]
    pub fn reap(self) -> Result<(Completion, D)> {
        let has_ended = || self.outcome.completion.get().is_some() || self.outcome.refused.get();
        self.poller.until(|| has_ended().then_some(()))?;
        self.poller.claim(&self.outcome)?;
        let completion = self.outcome.completion.get().ok_or_else(|| self.poller.ended())?;
        Ok((completion, self.data))
    }

    /// Returns the command identifier, as Abort wants it.
    pub fn cid(&self) -> u16 {
        self.outcome.cid()
    }

    /// Returns the completion, if it has come by now. Nothing is waited for.
    pub fn completion(&self) -> Option<Completion> {
        self.outcome.completion.get()
    }
}
