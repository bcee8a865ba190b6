//! What completed and failed, for the scopes that are open on a queue.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::rc::Weak;

use crate::Error;

use super::slots::Owner;
use super::ticket::Outcome;

/// An account for each open scope.
#[derive(Default)]
pub(crate) struct Accounts {
    open: RefCell<Vec<Account>>,
    /// How many scopes were opened so far: the number of the latest.
    opened: Cell<u64>,
}

struct Account {
    scope: u64,
    in_flight: usize,
    /// Completions that no `waitdone` and no ticket has asked for yet.
    done: usize,
    /// Failures that nobody has looked at, with the outcome of their command.
    failures: Vec<(Weak<Outcome>, Error)>,
}

impl Accounts {
    /// Opens an account. Returns the number of the scope.
    pub(super) fn open(&self) -> u64 {
        let scope = self.opened.get() + 1;
        self.opened.set(scope);
        let account = Account { scope, in_flight: 0, done: 0, failures: Vec::new() };
        self.open.borrow_mut().push(account);
        scope
    }

    /// Ends an account. Returns the first failure that nobody has looked at.
    pub(super) fn close(&self, scope: u64) -> Option<Error> {
        let mut open = self.open.borrow_mut();
        let index = open.iter().position(|account| account.scope == scope)?;
        let account = open.swap_remove(index);
        account.failures.into_iter().next().map(|(_, error)| error)
    }

    /// Whether commands of `owner` may be submitted: a scope that has ended takes none.
    pub(super) fn take_from(&self, owner: Owner) -> bool {
        owner == Owner::Session || self.with(owner, |_| ()).is_some()
    }

    pub(super) fn submitted(&self, owner: Owner) {
        self.with(owner, |account| account.in_flight += 1);
    }

    pub(super) fn completed(&self, owner: Owner) {
        self.with(owner, |account| {
            account.in_flight -= 1;
            account.done += 1;
        });
    }

    /// Notes that all commands of the scope were given up.
    pub(super) fn abandoned(&self, scope: u64) {
        self.with(Owner::Scope(scope), |account| account.in_flight = 0);
    }

    /// Notes the failure of a command.
    pub(super) fn failed(&self, owner: Owner, outcome: &Rc<Outcome>, error: Error) {
        self.with(owner, |account| account.failures.push((Rc::downgrade(outcome), error)));
    }

    /// Notes a failure that belongs to the scope as a whole.
    pub(super) fn blame(&self, scope: u64, error: Error) {
        self.with(Owner::Scope(scope), |account| account.failures.push((Weak::new(), error)));
    }

    pub(super) fn in_flight(&self, scope: u64) -> usize {
        self.with(Owner::Scope(scope), |account| account.in_flight).unwrap_or(0)
    }

    /// Takes up to `n` completions that nobody has asked for. Returns how many there were.
    pub(super) fn take_done(&self, scope: u64, n: usize) -> usize {
        let take = |account: &mut Account| {
            let taken = account.done.min(n);
            account.done -= taken;
            taken
        };
        self.with(Owner::Scope(scope), take).unwrap_or(0)
    }

    /// Returns the first failure that nobody has looked at.
    pub(super) fn take_failure(&self, scope: u64) -> Option<Error> {
        let take = |account: &mut Account| {
            let some = !account.failures.is_empty();
            some.then(|| account.failures.remove(0).1)
        };
        self.with(Owner::Scope(scope), take).flatten()
    }

    /// Returns the failure of one command.
    pub(super) fn take_failure_of(&self, scope: u64, outcome: &Rc<Outcome>) -> Option<Error> {
        let is_it = |(failed, _): &(Weak<Outcome>, Error)| failed.as_ptr() == Rc::as_ptr(outcome);
        let take = |account: &mut Account| {
            let index = account.failures.iter().position(is_it)?;
            Some(account.failures.remove(index).1)
        };
        self.with(Owner::Scope(scope), take).flatten()
    }

    fn with<T>(&self, owner: Owner, change: impl FnOnce(&mut Account) -> T) -> Option<T> {
        let Owner::Scope(scope) = owner else { return None };
        let mut open = self.open.borrow_mut();
        // The innermost scope is the last, and the one that most is asked of.
        open.iter_mut().rev().find(|account| account.scope == scope).map(change)
    }
}
