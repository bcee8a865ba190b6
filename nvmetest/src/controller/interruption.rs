//! The end of a test from outside of it.
//!
//! Who is interrupted wants the device in order: so nothing is torn down from another thread, but all waits of the driver end,
//! as they do at the deadline of the test, and the ladder has its time.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

static BEGAN: Mutex<Option<Instant>> = Mutex::new(None);

/// Ends all waits of this process, from now on.
pub(crate) fn begin() {
    set(Some(Instant::now()));
}

/// What is waited for from now on is waited for.
pub(crate) fn end() {
    set(None);
}

/// When the waits were ended, if they are.
pub(super) fn began() -> Option<Instant> {
    *BEGAN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn set(began: Option<Instant>) {
    *BEGAN.lock().unwrap_or_else(PoisonError::into_inner) = began;
}
