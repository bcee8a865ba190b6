//! What stays on the thread of its controller.
//!
//! None of these types is `Send` or `Sync` anyway, for what they share is counted without atomics. The compiler would
//! say so of each private part; the implementations below never hold, and have it say so of the whole, in words of ours.
#![expect(unsafe_code, reason = "there is no other way yet to say that a type is not `Send`")]

use crate::controller::Controller;

use super::qpair::CompletionQueue;
use super::qpair::Qpair;
use super::scope::Io;
use super::ticket::Ticket;

/// Nothing is that.
#[diagnostic::on_unimplemented(
    message = "`{Self}` stays on the thread that drives the controller",
    label = "does not go to another thread",
    note = "several commands are in flight at a time without threads: submit them in one scope, and wait for them on this thread"
)]
pub trait OfAnyThread {}

// SAFETY: Nothing implements `OfAnyThread`, so the implementation never holds. (Without the `for` the compiler would
// refuse it for that reason.)
unsafe impl Send for Controller where for<'any> Controller: OfAnyThread {}
// SAFETY: As above.
unsafe impl Sync for Controller where for<'any> Controller: OfAnyThread {}
// SAFETY: As above.
unsafe impl<'c> Send for CompletionQueue<'c> where CompletionQueue<'c>: OfAnyThread {}
// SAFETY: As above.
unsafe impl<'c> Sync for CompletionQueue<'c> where CompletionQueue<'c>: OfAnyThread {}
// SAFETY: As above.
unsafe impl<'c> Send for Qpair<'c> where Qpair<'c>: OfAnyThread {}
// SAFETY: As above.
unsafe impl<'c> Sync for Qpair<'c> where Qpair<'c>: OfAnyThread {}
// SAFETY: As above.
unsafe impl<'scope, 'env, S> Send for Io<'scope, 'env, S> where Io<'scope, 'env, S>: OfAnyThread {}
// SAFETY: As above.
unsafe impl<'scope, 'env, S> Sync for Io<'scope, 'env, S> where Io<'scope, 'env, S>: OfAnyThread {}
// SAFETY: As above.
unsafe impl<'scope, D> Send for Ticket<'scope, D> where Ticket<'scope, D>: OfAnyThread {}
// SAFETY: As above.
unsafe impl<'scope, D> Sync for Ticket<'scope, D> where Ticket<'scope, D>: OfAnyThread {}
