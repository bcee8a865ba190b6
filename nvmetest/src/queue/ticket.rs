//! A command in flight, as the test sees it.

use crate::Result;
use crate::command::Completion;

use super::key::Key;
use super::scope::Scope;

/// A command in flight.
///
/// The ticket holds what the command borrowed, and returns it from [`wait`](Self::wait). To drop or leak a
/// ticket is harmless: the memory then stays lent until the scope ends.
pub struct Ticket<'scope, D = ()> {
    claim: Claim<'scope>,
    data: D,
}

/// The right to ask how a command ended.
///
/// It is given up when it is dropped. If it is leaked, the answer is kept until the scope ends: that costs
/// memory, and nothing else rests on it.
struct Claim<'scope> {
    scope: &'scope Scope<'scope>,
    key: Key,
}

impl<'scope, D> Ticket<'scope, D> {
    #[inline]
    pub(crate) fn new(scope: &'scope Scope<'scope>, key: Key, data: D) -> Self {
        Self { claim: Claim { scope, key }, data }
    }

    /// Waits for the command and returns its data.
    ///
    /// # Errors
    ///
    /// Fails if the status is not the expected one, or on timeout.
    #[inline]
    pub fn wait(self) -> Result<D> {
        let Claim { scope, key } = self.claim;
        scope.finish(key)?;
        std::mem::forget(self.claim);
        Ok(self.data)
    }

    /// Waits for the command and returns its completion and its data.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    #[inline]
    pub fn reap(self) -> Result<(Completion, D)> {
        let Claim { scope, key } = self.claim;
        let completion = scope.reap(key)?;
        std::mem::forget(self.claim);
        Ok((completion, self.data))
    }

    /// Returns the command identifier, as Abort wants it.
    pub fn cid(&self) -> u16 {
        self.claim.key.cid()
    }

    /// Looks at the completion queue, and returns the completion, if it has come by now. Nothing is waited for; callbacks
    /// of other commands that have completed run here.
    pub fn completion(&self) -> Option<Completion> {
        self.claim.scope.completion(self.claim.key)
    }
}

impl Drop for Claim<'_> {
    #[inline]
    fn drop(&mut self) {
        self.scope.disclaim(self.key);
    }
}
