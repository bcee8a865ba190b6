//! What completed and failed, for the scopes that are open on a queue.

use std::cell::Cell;
use std::cell::RefCell;

use crate::Error;

use super::key::Key;
use super::key::Owner;

/// An account for each open scope.
pub(crate) struct Accounts {
    /// That of the innermost scope, of which most is asked.
    inner: Account,
    /// Those of the scopes around it, the outermost first.
    outer: RefCell<Vec<Account>>,
    /// How many scopes were opened so far: the number of the latest.
    opened: Cell<u64>,
    /// The innermost scope, if nothing is known of it or of the queue that somebody would have to look at; or else
    /// [`Owner::NOBODY`].
    calm: Cell<Owner>,
    /// Whether that is so of the queue.
    is_queue_calm: Cell<bool>,
}

struct Account {
    /// Whose it is; [`Owner::NOBODY`] while no scope is open.
    scope: Cell<Owner>,
    in_flight: Cell<usize>,
    /// Completions that no `waitdone` and no ticket has asked for yet.
    done: Cell<usize>,
    /// Whether there are failures.
    failed: Cell<bool>,
    /// Failures that nobody has looked at, with their command, if they are those of one.
    failures: RefCell<Vec<(Option<Key>, Error)>>,
}

impl Accounts {
    /// Opens an account. Returns its scope.
    pub(super) fn open(&self) -> Owner {
        let number = self.opened.get() + 1;
        self.opened.set(number);
        if !self.inner.is_of(Owner::NOBODY) {
            self.outer.borrow_mut().push(self.inner.take());
        }
        let scope = Owner::scope(number);
        self.inner.scope.set(scope);
        self.settle();
        scope
    }

    /// Ends an account. Returns the first failure that nobody has looked at.
    pub(super) fn close(&self, scope: Owner) -> Option<Error> {
        let account = if self.inner.is_of(scope) {
            let account = self.inner.take();
            if let Some(outer) = self.outer.borrow_mut().pop() {
                self.inner.put(outer);
            }
            account
        } else {
            let mut outer = self.outer.borrow_mut();
            let index = outer.iter().position(|account| account.is_of(scope))?;
            outer.remove(index)
        };
        self.settle();
        account.failures.take().into_iter().next().map(|(_, error)| error)
    }

    /// Whether commands of `owner` may be submitted: a scope that has ended takes none.
    #[inline]
    pub(super) fn take_from(&self, owner: Owner) -> bool {
        self.is_open(owner) || owner == Owner::SESSION
    }

    /// Whether it is a scope, and has not ended.
    #[inline]
    pub(super) fn is_open(&self, owner: Owner) -> bool {
        self.with(owner, |_| ()).is_some()
    }

    #[inline]
    pub(super) fn submitted(&self, owner: Owner) {
        self.with(owner, Account::submitted);
    }

    #[inline]
    pub(super) fn completed(&self, owner: Owner) {
        self.with(owner, Account::completed);
    }

    /// Notes what is known of the queue: whether nobody has to look at it.
    pub(super) fn set_calm(&self, is_queue_calm: bool) {
        self.is_queue_calm.set(is_queue_calm);
        self.settle();
    }

    /// Finds out whether plain commands can go on without a look at anything else.
    fn settle(&self) {
        let is_calm = self.is_queue_calm.get() && !self.inner.failed.get();
        self.calm.set(if is_calm { self.inner.scope.get() } else { Owner::NOBODY });
    }

    /// Whether it is the innermost scope, has not failed, and its queue is as it should be.
    #[inline]
    pub(super) fn is_calm(&self, owner: Owner) -> bool {
        self.calm.get() == owner
    }

    /// A command of the innermost scope was submitted.
    #[inline]
    pub(super) fn submitted_inner(&self) {
        self.inner.submitted();
    }

    /// A command of the innermost scope is complete.
    #[inline]
    pub(super) fn completed_inner(&self) {
        self.inner.completed();
    }

    /// A command of the innermost scope is complete, and its ticket has asked for that.
    #[inline]
    pub(super) fn ended_inner(&self) {
        self.inner.in_flight.set(self.inner.in_flight.get() - 1);
    }

    /// A ticket of the innermost scope has asked for a completion.
    #[inline]
    pub(super) fn take_done_inner(&self) {
        self.inner.done.set(self.inner.done.get().saturating_sub(1));
    }

    /// Notes that all commands of the scope were given up.
    pub(super) fn abandoned(&self, scope: Owner) {
        self.with(scope, |account| account.in_flight.set(0));
    }

    /// Notes a failure: that of a command, or of the scope as a whole.
    pub(super) fn failed(&self, owner: Owner, key: Option<Key>, error: Error) {
        self.with(owner, |account| {
            account.failed.set(true);
            account.failures.borrow_mut().push((key, error));
        });
        self.settle();
    }

    pub(super) fn in_flight(&self, scope: Owner) -> usize {
        self.with(scope, |account| account.in_flight.get()).unwrap_or(0)
    }

    /// Takes up to `n` completions that nobody has asked for. Returns how many there were.
    #[inline]
    pub(super) fn take_done(&self, scope: Owner, n: usize) -> usize {
        let take = |account: &Account| {
            let taken = account.done.get().min(n);
            account.done.set(account.done.get() - taken);
            taken
        };
        self.with(scope, take).unwrap_or(0)
    }

    /// Whether there is a failure that nobody has looked at.
    #[inline]
    pub(super) fn has_failed(&self, scope: Owner) -> bool {
        self.with(scope, |account| account.failed.get()).unwrap_or(false)
    }

    /// Returns the first failure that nobody has looked at.
    pub(super) fn take_failure(&self, scope: Owner) -> Option<Error> {
        let failure = self.with(scope, |account| account.take_failure(|_| true)).flatten();
        self.settle();
        failure
    }

    /// Returns the failure of one command.
    pub(super) fn take_failure_of(&self, scope: Owner, key: Key) -> Option<Error> {
        let is_it = |failed| failed == Some(key);
        let failure = self.with(scope, |account| account.take_failure(is_it)).flatten();
        self.settle();
        failure
    }

    #[inline]
    fn with<T>(&self, owner: Owner, change: impl FnOnce(&Account) -> T) -> Option<T> {
        if self.inner.is_of(owner) {
            return Some(change(&self.inner));
        }
        let outer = self.outer.borrow();
        outer.iter().rev().find(|account| account.is_of(owner)).map(change)
    }
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            inner: Account::default(),
            outer: RefCell::default(),
            opened: Cell::default(),
            calm: Cell::new(Owner::NOBODY),
            is_queue_calm: Cell::new(true),
        }
    }
}

impl Default for Account {
    fn default() -> Self {
        Self {
            scope: Cell::new(Owner::NOBODY),
            in_flight: Cell::default(),
            done: Cell::default(),
            failed: Cell::default(),
            failures: RefCell::default(),
        }
    }
}

impl Account {
    #[inline]
    fn is_of(&self, owner: Owner) -> bool {
        self.scope.get() == owner
    }

    #[inline]
    fn submitted(&self) {
        self.in_flight.set(self.in_flight.get() + 1);
    }

    #[inline]
    fn completed(&self) {
        self.in_flight.set(self.in_flight.get() - 1);
        self.done.set(self.done.get() + 1);
    }

    fn take_failure(&self, is_it: impl Fn(Option<Key>) -> bool) -> Option<Error> {
        let mut failures = self.failures.borrow_mut();
        let index = failures.iter().position(|(key, _)| is_it(*key))?;
        let (_, error) = failures.remove(index);
        self.failed.set(!failures.is_empty());
        Some(error)
    }

    fn take(&self) -> Self {
        Self {
            scope: Cell::new(self.scope.replace(Owner::NOBODY)),
            in_flight: Cell::new(self.in_flight.take()),
            done: Cell::new(self.done.take()),
            failed: Cell::new(self.failed.take()),
            failures: RefCell::new(self.failures.take()),
        }
    }

    fn put(&self, account: Self) {
        self.scope.set(account.scope.get());
        self.in_flight.set(account.in_flight.get());
        self.done.set(account.done.get());
        self.failed.set(account.failed.get());
        self.failures.replace(account.failures.into_inner());
    }
}
