//! Queue pairs, and the scope within which commands are in flight.
//!
//! # Soundness
//!
//! A command in flight lends memory to a device that knows nothing of Rust. One invariant keeps that sound:
//!
//! > No scope returns, by any path, while the device has a claim on memory that was lent within it.
//!
//! It rests on no destructor that a test could leak: a test never owns the scope, only a shared reference to
//! it. This is [`std::thread::scope`], with a controller in the place of the threads.
//!
//! 1. Data and callbacks outlive `'scope` (the bounds of [`Command::submit`]), and `'scope` is chosen by this
//!    module, not by the test, so nothing that the test frees before the scope returns can satisfy the bound.
//! 2. A scope ends by `scope::close`, also when the test panics.
//! 3. Closing waits for the commands. If they do not come, it climbs the ladder (`ladder`), until the
//!    device has no claim on them: Abort, deletion of the queue, taking the memory away, disabling the
//!    controller, a function reset, the end of the device's process, and in the end that of this one.
//! 4. Only then are the callbacks of what never completed dropped, for dropping them runs code of the test.
//! 5. The identifier of a command that was given up stays out of use until its completion comes after all.
//!
//! [`Command::submit`]: crate::Command::submit

mod accounts;
mod backoff;
mod beside;
mod claims;
mod completion;
mod completion_side;
mod core;
mod creation;
mod describe;
mod doorbell;
mod invariant;
mod key;
mod ladder;
mod left;
mod one_thread;
mod plain;
mod qpair;
mod ring;
mod scope;
mod slots;
mod submission;
mod target;
mod ticket;

pub(crate) use backoff::Backoff;
pub(crate) use claims::Claim;
pub(crate) use claims::Claims;
pub(crate) use completion_side::CompletionSide;
pub(crate) use core::Core;
pub(crate) use creation::Creation;
pub(crate) use creation::QueueKind;
pub use creation::QueueMemory;
pub(crate) use doorbell::Doorbell;
pub(crate) use key::Owner;
pub(crate) use ladder::panic_message;
pub use qpair::CompletionQueue;
pub use qpair::CqOptions;
pub use qpair::Qpair;
pub use qpair::SqOptions;
pub(crate) use ring::CompletionRing;
pub(crate) use ring::SubmissionRing;
pub use scope::Io;
pub use scope::scope_all;
pub use target::AdminQueue;
pub use target::IoQueue;
pub(crate) use target::sealed::Queue;
pub use ticket::Ticket;
