//! The scope in which commands are in flight; see the [module](super) for why it is sound.
#![expect(unsafe_code, reason = "the lifetime of a callback is the scope's, which no type can say")]

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::panic::Location;
use std::panic::catch_unwind;
use std::panic::resume_unwind;
use std::sync::Arc;

use crate::Error;
use crate::Result;
use crate::command::Callback;
use crate::command::Command;
use crate::command::CommandSet;
use crate::command::Completion;
use crate::command::Parts;
use crate::controller::Controller;
use crate::memory::Block;
use crate::memory::Data;
use crate::memory::Places;
use crate::spec::Sqe;

use super::backoff::Backoff;
use super::core::Core;
use super::facts::End;
use super::key::Key;
use super::key::Owner;
use super::ladder;
use super::qpair::Qpair;
use super::ticket::Ticket;

/// A scope in which commands of set `S` are in flight.
///
/// `'scope` is the life of the scope, which rustc calls `'1` where it says that something "is borrowed for `'1`"; `'env`
/// is that of what the scope borrows. [`what_the_compiler_tells_you`](crate::what_the_compiler_tells_you) has the common
/// messages and what to do.
pub struct Io<'scope, 'env: 'scope, S> {
    scope: Scope<'env>,
    _set: PhantomData<S>,
    // Invariant, as in `std::thread::Scope`: neither may be shortened.
    _scope: PhantomData<&'scope mut &'scope ()>,
    _env: PhantomData<&'env mut &'env ()>,
}

impl<'scope, S: CommandSet> Io<'scope, '_, S> {
    /// Waits until `n` commands of the scope have completed that no earlier `waitdone` and no ticket has
    /// waited for; callbacks run here, in the order in which the device completed the commands.
    ///
    /// # Errors
    ///
    /// Fails on the first unexpected status, once a command in flight is overdue, or if fewer than `n`
    /// commands are in flight.
    #[track_caller]
    pub fn waitdone(&self, n: usize) -> Result<()> {
        let site = Location::caller();
        let (accounts, owner) = (self.scope.core.accounts(), self.scope.owner);
        let mut done = 0;
        let waited = self.scope.until(|| {
            done += accounts.take_done(owner, n - done);
            let idle = done < n && accounts.in_flight(owner) == 0;
            (done == n || idle).then_some(())
        });
        waited?;
        if let Some(error) = accounts.take_failure(owner) {
            return Err(error);
        }
        if done < n {
            return Err(Error::NothingInFlight { wanted: n, done, site });
        }
        Ok(())
    }

    /// Runs all of `commands`, with as many in flight as the queue has room for, and hands each completed
    /// command's data to `each` in the order of submission.
    ///
    /// # Errors
    ///
    /// Fails with the first command that does.
    pub(crate) fn run_all<D: Data + 'scope>(
        &'scope self,
        commands: impl IntoIterator<Item = Command<S, D>>,
    ) -> Result<()> {
        let mut window: VecDeque<Ticket<'scope, D>> = VecDeque::new();
        for command in commands {
            // The oldest may have completed long ago, and another command may have its slot.
            while self.scope.core.is_full()
                && let Some(oldest) = window.pop_front()
            {
                oldest.wait()?;
            }
            window.push_back(command.submit(self));
        }
        window.into_iter().try_for_each(|ticket| ticket.wait().map(drop))
    }

    #[inline]
    pub(crate) fn start(
        &'scope self,
        parts: &Parts,
        places: Places,
        callback: Option<Callback<'scope>>,
    ) -> Key {
        // SAFETY: The slot that holds the callback is emptied before the scope ends (`close`), and nobody can
        // name the callback's type outside.
        let callback = callback.map(|callback| unsafe {
            std::mem::transmute::<Callback<'scope>, Callback<'static>>(callback)
        });
        self.scope.core.start(self.scope.owner, parts, places, callback)
    }

    /// As [`Scope::start_plain`]; what is lent is lent until the scope ends.
    #[inline(always)]
    pub(crate) fn start_plain(
        &'scope self,
        sqe: &mut Sqe,
        block: &'scope Arc<Block>,
        range: Range<usize>,
        epoch: u64,
        site: &'static Location<'static>,
    ) -> Option<Key> {
        self.scope.start_plain(sqe, block, range, epoch, site)
    }

    /// # Panics
    ///
    /// Panics if the queue is full.
    #[inline]
    #[track_caller]
    pub(crate) fn check_room(&self) {
        if self.scope.core.is_full() {
            self.scope.no_room();
        }
    }

    #[inline]
    pub(crate) fn scope(&'scope self) -> &'scope Scope<'scope> {
        &self.scope
    }
}

impl Core {
    pub(crate) fn scope<'env, S, T>(
        &'env self,
        controller: &'env Controller,
        body: impl for<'scope> FnOnce(&'scope Io<'scope, 'env, S>) -> Result<T>,
    ) -> Result<T> {
        let io = self.open(controller);
        enter(std::slice::from_ref(&io), |ios| body(&ios[0]))
    }

    pub(super) fn open<'scope, 'env, S>(
        &'env self,
        controller: &'env Controller,
    ) -> Io<'scope, 'env, S> {
        Io {
            scope: Scope { core: self, controller, owner: self.accounts().open() },
            _set: PhantomData,
            _scope: PhantomData,
            _env: PhantomData,
        }
    }
}

/// Opens one scope on each of several queue pairs, for a number that is known at run time only.
///
/// # Errors
///
/// As for [`Qpair::scope`].
pub fn scope_all<'env, T>(
    qpairs: &'env [Qpair<'_>],
    body: impl for<'scope> FnOnce(&'scope [Io<'scope, 'env, crate::Nvm>]) -> Result<T>,
) -> Result<T> {
    let ios: Vec<Io<'_, 'env, crate::Nvm>> = qpairs.iter().map(Qpair::open).collect();
    enter(&ios, body)
}

/// Runs `body` and then ends all the scopes: see the module on soundness.
fn enter<'scope, 'env, S, T>(
    ios: &'scope [Io<'scope, 'env, S>],
    body: impl FnOnce(&'scope [Io<'scope, 'env, S>]) -> Result<T>,
) -> Result<T> {
    let result = catch_unwind(AssertUnwindSafe(|| body(ios)));
    let in_order = matches!(result, Ok(Ok(_)));
    let scopes = || ios.iter().map(|io| &io.scope);
    let mut stragglers = Vec::new();
    // A callback that runs while one scope closes may submit to another that was closed before it.
    while scopes().any(|scope| 0 < scope.core.accounts().in_flight(scope.owner)) {
        for scope in scopes() {
            stragglers.extend(ladder::close(scope.controller, scope.core, scope.owner, in_order));
        }
    }
    // From here on the scopes take no commands.
    let failures: Vec<Error> = scopes().filter_map(Scope::end).collect();
    let findings = scopes().find_map(|scope| scope.core.take_finding());
    // The device has lost it all. Only now may code of the test run again: that of the callbacks that were
    // never called, as they are dropped.
    drop(stragglers);

    let result = match result {
        Err(panic) => resume_unwind(panic),
        Ok(result) => result,
    };
    let result = match (result, failures.into_iter().next().or(findings)) {
        (Ok(_), Some(error)) => Err(error),
        (result, _) => result,
    };
    result.map_err(|error| match ios.first() {
        Some(io) => io.scope.controller.with_dma_fault(error),
        None => error,
    })
}

/// So many completions are taken until clocks and the device's health are looked at: what is waited for may not
/// be among them.
pub(super) const LOOK_EVERY: u32 = 256;

/// What a scope is, whatever its commands: who waits within it, and for what.
pub(crate) struct Scope<'env> {
    pub(super) core: &'env Core,
    controller: &'env Controller,
    pub(super) owner: Owner,
}

impl Scope<'_> {
    /// Waits for the command of a ticket. Nobody will ask for it again.
    #[inline]
    pub(super) fn finish(&self, key: Key) -> Result {
        match self.finish_plain(key) {
            Some(()) => Ok(()),
            None => self.wait(key).map(drop),
        }
    }

    /// Waits for the command of a ticket, and returns its completion. Nobody will ask for it again.
    pub(super) fn reap(&self, key: Key) -> Result<Completion> {
        let end = match self.reap_plain(key) {
            Some(end) => end,
            None => self.wait(key)?,
        };
        Ok(end.completion())
    }

    /// Takes what the device has completed by now, and returns the completion of the command, if it is among that.
    pub(super) fn completion(&self, key: Key) -> Option<Completion> {
        let end = || self.core.slots.end(key);
        // No more than the queue holds: a device that completes what nobody asked for keeps nobody here.
        for _ in 0..self.core.capacity() {
            if end().is_some() || !self.core.poll() {
                break;
            }
        }
        self.core.release();
        end().map(|end| end.completion())
    }

    #[inline]
    pub(super) fn disclaim(&self, key: Key) {
        self.core.slots.disclaim(key);
    }

    /// Waits until the command is complete, and takes its end, or its failure.
    #[inline(never)]
    fn wait(&self, key: Key) -> Result<End> {
        let core = self.core;
        let end = self.wait_for_end(key)?;
        core.release();
        core.accounts().take_done(self.owner, 1);
        if core.accounts().has_failed(self.owner)
            && let Some(error) = core.accounts().take_failure_of(self.owner, key)
        {
            return Err(error);
        }
        Ok(end)
    }

    fn wait_for_end(&self, key: Key) -> Result<End> {
        if key.is_refused() {
            let error = self.core.accounts().take_failure_of(self.owner, key);
            let why = "a callback that never ran submitted a command as it was dropped";
            return Err(error.unwrap_or_else(|| self.ended(why)));
        }
        if let Some(finding) = self.core.take_finding() {
            return Err(finding);
        }
        let slots = &self.core.slots;
        self.until(|| (slots.end(key).is_some() || !slots.is_claimed(key)).then_some(()))?;
        let end = slots.end(key);
        slots.disclaim(key);
        end.ok_or_else(|| self.ended("the command was given up when the scope closed"))
    }

    /// Polls until `done` returns a value.
    fn until<T>(&self, mut done: impl FnMut() -> Option<T>) -> Result<T> {
        let mut backoff = Backoff::default();
        let mut polls = 0_u32;
        let result = loop {
            if let Some(value) = done() {
                break Ok(value);
            }
            if self.core.poll() {
                backoff = Backoff::default();
                if let Some(finding) = self.core.take_finding() {
                    break Err(finding);
                }
                polls = polls.wrapping_add(1);
                if polls.is_multiple_of(LOOK_EVERY)
                    && let Some(error) = self.trouble()
                {
                    break Err(error);
                }
                continue;
            }
            // Nothing more has come: what was taken can be given back while the host waits.
            self.core.release();
            if backoff.pause()
                && let Some(error) = self.trouble()
            {
                break Err(error);
            }
        };
        self.core.release();
        result
    }

    /// What there is to say, while nothing completes.
    fn trouble(&self) -> Option<Error> {
        self.core
            .take_finding()
            .or_else(|| self.core.gone())
            .or_else(|| self.core.overdue())
            .or_else(|| self.controller.trouble(|| self.core.oldest()))
    }

    /// Says that the queue is full, unless it is gone: then the command says so.
    #[cold]
    #[track_caller]
    fn no_room(&self) {
        if !self.core.is_gone() {
            panic!("the queue is full: {} commands are in flight", self.core.busy());
        }
    }

    /// Ends the scope's account. Returns the first failure that nobody has looked at.
    fn end(&self) -> Option<Error> {
        self.core.slots.forget_scope(self.owner);
        self.core.accounts().close(self.owner)
    }

    /// What there is to say of a command that nobody will complete, since the scope has ended.
    fn ended(&self, why: &str) -> Error {
        let queue = format!("the scope on submission queue {}", self.core.sqid());
        Error::QueueGone { queue, why: why.to_owned() }
    }
}
