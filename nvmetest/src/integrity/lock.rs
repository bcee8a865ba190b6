//! The lock of a bucket, which outlives whoever has it.

use std::fs;
use std::hint;
use std::io;
use std::process;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use super::error::TableError;

/// For so long a process that lives may have a lock: it may be stopped, and nobody can tell when it goes on.
const PATIENCE: Duration = Duration::from_secs(2);

/// After so many looks at a lock it is asked whether its owner lives.
const SPINS: u32 = 1 << 12;

/// Takes a lock, which has the identifier of the process that has it.
///
/// In `stopped` stands a process that was found to be stopped with it: nobody waits for that again until it goes on, or ends.
///
/// # Errors
///
/// Fails if the process that has the lock is stopped.
#[inline]
pub(super) fn lock(lock: &AtomicU64, stopped: &AtomicU64) -> Result<(), TableError> {
    let me = this_process();
    if lock.compare_exchange(0, me, Acquire, Relaxed).is_ok() {
        return Ok(());
    }
    wait(lock, stopped, me)
}

/// Gives it back.
#[inline]
pub(super) fn unlock(lock: &AtomicU64) {
    // It was taken from a process that was thought to be gone, if it is not this one's.
    _ = lock.compare_exchange(this_process(), 0, Release, Relaxed);
}

#[cold]
fn wait(lock: &AtomicU64, stopped: &AtomicU64, me: u64) -> Result<(), TableError> {
    let (mut start, mut owner_then) = (Instant::now(), 0);
    let mut looks = 0_u32;
    loop {
        let owner = lock.load(Relaxed);
        if owner == 0 && lock.compare_exchange(0, me, Acquire, Relaxed).is_ok() {
            stopped.store(0, Relaxed);
            return Ok(());
        }
        if owner != owner_then {
            (start, owner_then) = (Instant::now(), owner);
        }
        let is_known = owner != 0 && stopped.load(Relaxed) == owner;
        looks = looks.wrapping_add(1);
        if !is_known && !looks.is_multiple_of(64) {
            hint::spin_loop();
            continue;
        }
        thread::yield_now();
        if owner == 0 || (!is_known && !looks.is_multiple_of(SPINS)) {
            continue;
        }
        if owner != me && is_dead(owner) {
            // What it did so far is in order: the next one goes on.
            if lock.compare_exchange(owner, me, Acquire, Relaxed).is_ok() {
                stopped.store(0, Relaxed);
                return Ok(());
            }
        } else if is_known || PATIENCE < start.elapsed() {
            stopped.store(owner, Release);
            return Err(TableError::Stopped { process: owner });
        }
    }
}

/// Whether a process has ended, also if nobody has reaped it.
fn is_dead(pid: u64) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        // The state is behind the name, which may have parentheses of its own.
        Ok(stat) => stat
            .rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('Z') || rest.starts_with('X')),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Who has a lock: this process.
pub(super) fn this_process() -> u64 {
    process::id().into()
}
