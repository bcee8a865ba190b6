//! Ringing for workers that cannot ring themselves.
//!
//! Where another process cannot map the doorbells of a device (QEMU has a socket for them), a worker rings in a page
//! of shared memory, its [lane](Lane), and a thread of the runner rings the device: one for all workers of a
//! controller. It looks at each lane in turn, and tells the device only what changed since it last looked.
//!
//! A doorbell takes the latest value and needs no other, and a value is news by being another one. It cannot have gone
//! round the queue in between to the same value: beyond the tail that was forwarded there are at most as many
//! commands as a queue holds, which is one less than it has entries, and for the head and completions likewise
//! (Base 3.3.1.4, 3.3.1.5).
//!
//! What stands in a lane is from another process. A value that is no entry of the queue is not forwarded.

use std::fmt;
use std::hint;
use std::io;
use std::mem;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use crate::memory::Mapping;
use crate::transport::TransportError;
use crate::transport::TransportResult;

/// How many looks at lanes without news follow each other at once.
const SPINS: u32 = 200;

/// After this long without news nobody counts microseconds. Until then the thread lets others run between two looks.
const PATIENCE: Duration = Duration::from_millis(3);

/// The naps that follow: each twice as long as the one before, so that a device that is slow anyway is
/// made no more than twice as slow.
const NAP_MIN: Duration = Duration::from_micros(50);
const NAP_MAX: Duration = Duration::from_millis(1);

/// The workers of a controller that somebody rings for.
#[derive(Debug, Default)]
pub(super) struct Forwarder(Arc<Shared>);

/// As long as this lives, somebody rings for the worker. When it has been dropped, nobody does.
#[derive(Debug)]
pub(super) struct Forwarding {
    shared: Arc<Shared>,
    trouble: Arc<OnceLock<Trouble>>,
}

/// Why nobody rings any more for a worker that lives.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Trouble {
    /// The device could not be rung.
    Transport(TransportError),
    /// The worker asked for a value that its queue does not have.
    Nonsense(String),
}

/// Where a worker rings, and what comes of it.
pub(super) struct Lane {
    /// Both doorbells, as [`doorbell`](super::doorbell) lays them out; the worker writes it.
    pub(super) page: Arc<Mapping>,
    /// How many entries each of the two queues has.
    pub(super) entries: u32,
    pub(super) bells: [Bell; 2],
    /// Rings the doorbell of the device at an offset of BAR0.
    pub(super) ring: Box<dyn Fn(u64, u32) -> TransportResult + Send>,
}

/// One doorbell.
#[derive(Debug)]
pub(super) struct Bell {
    /// Where in the page the worker writes.
    pub(super) word: usize,
    /// Where the device has it, as an offset of BAR0.
    pub(super) offset: u64,
    /// What the device was told last. A queue begins with 0.
    pub(super) told: u32,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// How many threads want the state, which the forwarding thread otherwise has nearly all the time.
    waiting: AtomicU32,
}

#[derive(Debug, Default)]
struct State {
    lanes: Vec<(Arc<OnceLock<Trouble>>, Lane)>,
    /// There is one as long as there are lanes.
    thread: Option<JoinHandle<()>>,
}

impl Forwarder {
    /// Rings for the worker of `lane` from now on.
    ///
    /// # Errors
    ///
    /// Fails if no thread can be made.
    pub(super) fn forward(&self, lane: Lane) -> io::Result<Forwarding> {
        let shared = &self.0;
        let trouble = Arc::default();
        shared.with(|state| {
            state.lanes.push((Arc::clone(&trouble), lane));
            if let Some(thread) = &state.thread {
                thread.thread().unpark();
                return Ok(());
            }
            let theirs = Arc::clone(shared);
            let thread = thread::Builder::new().name("doorbells".to_owned());
            let thread = thread.spawn(move || theirs.forward_all());
            state.thread = Some(thread.inspect_err(|_| state.lanes.clear())?);
            io::Result::Ok(())
        })?;
        Ok(Forwarding { shared: Arc::clone(shared), trouble })
    }
}

impl Forwarding {
    /// Returns why nobody rings any more, if that is so.
    pub(super) fn trouble(&self) -> Option<&Trouble> {
        self.trouble.get()
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        let idle = self.shared.with(|state| {
            state.lanes.retain(|(trouble, _)| !Arc::ptr_eq(trouble, &self.trouble));
            state.lanes.is_empty().then(|| mem::take(&mut state.thread)).flatten()
        });
        if let Some(thread) = idle {
            // It ends when it sees that there is no lane. If it panicked, it has said so.
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Does `work` with the state.
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut state = self.lock();
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        work(&mut state)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A lane is whole between two looks, whoever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forwards until there is nothing to forward for.
    fn forward_all(&self) {
        let mut idle = Idle::default();
        loop {
            // The lock is not fair.
            while self.waiting.load(Ordering::SeqCst) != 0 {
                thread::yield_now();
            }
            let mut state = self.lock();
            if state.lanes.is_empty() {
                return;
            }
            let news = state.look();
            drop(state);
            if news { idle = Idle::default() } else { idle.pause() }
        }
    }
}

impl State {
    /// Looks at each lane once. Returns whether there was news.
    fn look(&mut self) -> bool {
        let mut news = false;
        for at in 0..self.lanes.len() {
            let (trouble, lane) = &mut self.lanes[at];
            if trouble.get().is_some() {
                continue;
            }
            match lane.look() {
                Ok(found) => news |= found,
                // What one worker asked for, or the device refused it, is no matter of the others.
                Err(
                    error @ (Trouble::Nonsense(_)
                    | Trouble::Transport(TransportError::Refused { .. })),
                ) => {
                    let _ = trouble.set(error);
                }
                // A device that does not answer is asked once, and not once a worker: each time takes a deadline.
                Err(error) => {
                    for (trouble, _) in &self.lanes {
                        let _ = trouble.set(error.clone());
                    }
                }
            }
        }
        news
    }
}

impl Lane {
    /// Tells the device what is new. Returns whether anything was.
    fn look(&mut self) -> Result<bool, Trouble> {
        let mut news = false;
        for bell in &mut self.bells {
            // What the worker wrote before, the entries of its queue, is there for the device.
            let value = self.page.word(bell.word).load(Ordering::Acquire);
            if value == bell.told {
                continue;
            }
            if self.entries <= value {
                let entries = self.entries;
                return Err(Trouble::Nonsense(format!(
                    "it wrote {value} to a doorbell of a queue of {entries} entries"
                )));
            }
            (self.ring)(bell.offset, value).map_err(Trouble::Transport)?;
            (bell.told, news) = (value, true);
        }
        Ok(news)
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entries, bells, .. } = self;
        f.debug_struct("Lane")
            .field("entries", entries)
            .field("bells", bells)
            .finish_non_exhaustive()
    }
}

/// For how long there was no news.
#[derive(Debug, Default)]
struct Idle {
    looks: u32,
    since: Option<Instant>,
    nap: Duration,
}

impl Idle {
    /// Waits a little, and the longer the longer there was no news. Ends early if the thread is unparked.
    fn pause(&mut self) {
        self.looks = self.looks.saturating_add(1);
        if self.looks < SPINS {
            return hint::spin_loop();
        }
        if self.since.get_or_insert_with(Instant::now).elapsed() < PATIENCE {
            return thread::yield_now();
        }
        self.nap = (2 * self.nap).clamp(NAP_MIN, NAP_MAX);
        thread::park_timeout(self.nap);
    }
}

#[cfg(test)]
mod tests;
