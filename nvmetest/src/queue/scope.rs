//! The scope in which commands are in flight; see the [module](super) for why it is sound.
#![expect(unsafe_code, reason = "the lifetime of a callback is the scope's, which no type can say")]

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::panic::Location;
use std::panic::catch_unwind;
use std::panic::resume_unwind;
use std::rc::Rc;

use crate::Error;
use crate::Result;
use crate::command::Callback;
use crate::command::Command;
use crate::command::CommandSet;
use crate::command::Plan;
use crate::command::Terms;
use crate::controller::Controller;
use crate::memory::Data;
use crate::memory::Places;
use crate::spec::Sqe;

use super::backoff::Backoff;
use super::core::Core;
use super::ladder;
use super::qpair::Qpair;
use super::slots::Owner;
use super::ticket::Outcome;
use super::ticket::Ticket;

/// A scope in which commands of set `S` are in flight.
///
/// `'scope` is the life of the scope, which rustc calls `'1` where it says that something "is borrowed for `'1`"; `'env`
/// is that of what the scope borrows. [`what_the_compiler_tells_you`](crate::what_the_compiler_tells_you) has the common
/// messages and what to do.
pub struct Io<'scope, 'env: 'scope, S> {
    core: &'env Core,
    controller: &'env Controller,
    scope: u64,
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
        let mut done = 0;
        let waited = self.poller().until(|| {
            done += self.core.accounts().take_done(self.scope, n - done);
            let idle = done < n && self.core.accounts().in_flight(self.scope) == 0;
            (done == n || idle).then_some(())
        });
        waited?;
        if let Some(error) = self.core.accounts().take_failure(self.scope) {
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
            while self.core.free() == 0
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
        sqe: Sqe,
        places: Places,
        plan: Plan<'_>,
        terms: Terms,
        callback: Option<Callback<'scope>>,
    ) -> Rc<Outcome> {
        // SAFETY: The slot that holds the callback is emptied before the scope ends (`close`), and nobody can
        // name the callback's type outside.
        let callback = callback.map(|callback| unsafe {
            std::mem::transmute::<Callback<'scope>, Callback<'static>>(callback)
        });
        self.core.start(Owner::Scope(self.scope), sqe, places, plan, terms, callback)
    }

    /// # Panics
    ///
    /// Panics if the queue is full.
    #[track_caller]
    pub(crate) fn check_room(&self) {
        if self.core.gone().is_none() && self.core.free() == 0 {
            panic!("the queue is full: {} commands are in flight", self.core.busy());
        }
    }

    #[inline]
    pub(crate) fn poller(&self) -> Poller<'_> {
        Poller { core: self.core, controller: self.controller, scope: self.scope }
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
            core: self,
            controller,
            scope: self.accounts().open(),
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
    let mut stragglers = Vec::new();
    // A callback that runs while one scope closes may submit to another that was closed before it.
    while ios.iter().any(|io| 0 < io.core.accounts().in_flight(io.scope)) {
        for io in ios {
            stragglers.extend(ladder::close(io.controller, io.core, io.scope, in_order));
        }
    }
    // From here on the scopes take no commands.
    let failures: Vec<Error> =
        ios.iter().filter_map(|io| io.core.accounts().close(io.scope)).collect();
    let findings = ios.iter().find_map(|io| io.core.take_finding());
    // The device has lost it all. Only now may code of the test run again: that of the callbacks that were
    // never called, as they are dropped.
    drop(stragglers);

    let value = match result {
        Err(panic) => resume_unwind(panic),
        Ok(result) => result?,
    };
    match failures.into_iter().next().or(findings) {
        Some(error) => Err(error),
        None => Ok(value),
    }
}

/// So many completions are taken until clocks and the device's health are looked at: what is waited for may not
/// be among them.
pub(super) const LOOK_EVERY: u32 = 256;

/// Waits within a scope.
#[derive(Clone, Copy)]
pub(crate) struct Poller<'scope> {
    core: &'scope Core,
    controller: &'scope Controller,
    scope: u64,
}

impl Poller<'_> {
    /// Polls until `done` returns a value.
    pub(super) fn until<T>(&self, mut done: impl FnMut() -> Option<T>) -> Result<T> {
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

    /// What there is to say of a command that was submitted when the scope had ended.
    pub(super) fn ended(&self) -> Error {
        let queue = format!("the scope on submission queue {}", self.core.sqid());
        let why = "a callback that never ran submitted a command as it was dropped".to_owned();
        Error::QueueGone { queue, why }
    }

    /// Takes the failure of one command, and counts its completion as waited for.
    pub(super) fn claim(&self, outcome: &Rc<Outcome>) -> Result {
        self.core.accounts().take_done(self.scope, 1);
        match self.core.accounts().take_failure_of(self.scope, outcome) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}
