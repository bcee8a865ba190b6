//! The ring of one queue.

use std::cell::Cell;
use std::fmt;
use std::hint::black_box;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::AcqRel;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::Shared;
use super::entry::Entry;
use super::entry::Origin;
use super::entry::Overwritten;
use super::entry::Slot;
use super::layout::ENTRY;
use super::layout::RING_HEADER;
use super::layout::header;
use super::now_ns;
use super::site;
use crate::memory::Longs;
use crate::memory::PAGE_SIZE;
use crate::spec::Cqe;
use crate::spec::Sqe;

/// The log of one queue, from its creation to its deletion; made by [`CmdLog::ring`].
///
/// There is one writer, so a ring can move to another thread but not be shared. Dropping it frees its
/// place for another queue; what it logged stays until then.
///
/// [`CmdLog::ring`]: super::CmdLog::ring
pub struct Ring {
    shared: Arc<Shared>,
    /// Which ring of the file; `None` if all were in use, and nothing is logged.
    index: Option<u32>,
    place: Place,
    origin: Origin,
    /// How many commands were ever logged in this ring, those of earlier queues included.
    count: Cell<u64>,
    sites: site::Cache,
}

/// Names one logged command, to say later how it ended.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Token {
    /// Which ring of the log.
    ring: u32,
    /// Which entry of the ring, counted from 1; 0 is none.
    sequence: u64,
}

impl Token {
    /// The token of a command that was not logged.
    pub const NONE: Self = Self { ring: u32::MAX, sequence: 0 };

    /// The token in two words, for memory that processes share.
    pub(crate) fn to_words(self) -> [u64; 2] {
        [self.ring.into(), self.sequence]
    }

    pub(crate) fn from_words([ring, sequence]: [u64; 2]) -> Self {
        Self { ring: ring as u32, sequence }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NONE => f.write_str("not logged"),
            Self { ring, sequence } => write!(f, "command {sequence} of ring {ring}"),
        }
    }
}

impl Ring {
    /// Logs that a command goes to the controller; call it before the doorbell is rung.
    ///
    /// `site` is the line of the test that built the command, `at_ns` the time ([`now_ns`]).
    /// An older command is overwritten once the ring is full.
    #[inline(always)]
    pub fn submitted(&self, sqe: &Sqe, site: &'static Location<'static>, at_ns: u64) -> Token {
        if self.index.is_none() {
            return Token::NONE;
        }
        self.submitted_from(sqe, self.sites.index(&self.shared, site), at_ns)
    }

    /// As [`submitted`](Self::submitted), for a site that another process has [put](super::CmdLog::site) into the log.
    #[inline(always)]
    pub(crate) fn submitted_from(&self, sqe: &Sqe, site: u32, at_ns: u64) -> Token {
        let Some(index) = self.index else { return Token::NONE };
        let sequence = self.count.get().wrapping_add(1);
        let slot = self.place.slot(sequence);
        let overwritten = slot.submit(sequence, self.origin.with_site(site), sqe, at_ns);
        self.count.set(sequence);
        let header = self.place.header();
        header.0[COUNT].store(sequence, Release);
        if overwritten == Overwritten::InFlight {
            header.add(OVERWRITTEN_IN_FLIGHT);
        }
        Token { ring: index, sequence }
    }

    /// Logs the completion of a command.
    ///
    /// If its entry was overwritten meanwhile, or had a completion already, that is only counted.
    #[inline(always)]
    pub fn completed(&self, token: Token, cqe: &Cqe, at_ns: u64) {
        self.end(
            token,
            #[inline(always)]
            |slot| slot.complete(token.sequence, cqe, at_ns),
        );
    }

    /// Logs that the host gave a command up. A completion that comes after all is still welcome.
    pub fn abandoned(&self, token: Token, at_ns: u64) {
        self.end(token, |slot| slot.abandon(token.sequence, at_ns));
    }

    #[inline(always)]
    fn end(&self, token: Token, write: impl FnOnce(Slot<'_>) -> bool) {
        let Some(index) = self.index else { return };
        let written = token.ring == index && write(self.place.slot(token.sequence));
        if !written {
            self.place.header().add(UNMATCHED);
        }
    }

    /// Has the kernel map the next entries now, and not while commands are timed.
    pub(crate) fn warm(&self) {
        const APART: usize = PAGE_SIZE / ENTRY;
        const MOST: u64 = 8192;
        let next = self.count.get();
        for ahead in (0..MOST.min(self.place.count())).step_by(APART) {
            black_box(self.place.slot(next.wrapping_add(ahead)).0[0].load(Relaxed));
        }
    }

    /// Has the processor bring the next entries nearer; nobody waits for it, and nothing depends on it.
    #[inline]
    pub(crate) fn fetch_next(&self) {
        const AHEAD: u64 = 4;
        let next = self.count.get().wrapping_add(1);
        for ahead in 0..AHEAD {
            self.place.entries.prefetch(next.wrapping_add(ahead));
        }
    }

    /// Whether commands are logged: not if all rings of the log were in use.
    pub fn is_logging(&self) -> bool {
        self.index.is_some()
    }

    /// Takes the ring that was not used for longest: one that never was, or that of a deleted queue
    /// or of a dead process.
    pub(super) fn take(shared: Arc<Shared>, sqid: u16, cqid: u16) -> Self {
        let process = std::process::id();
        let index = claim(&shared, process);
        let place = Place::of(&shared, index.unwrap_or(0));
        let mut count = 0;
        if index.is_some() {
            let header = place.header();
            count = header.0[COUNT].load(Acquire);
            header.0[QUEUES].store(u64::from(sqid) | u64::from(cqid) << 16, Relaxed);
            header.0[CREATED_NS].store(now_ns(), Relaxed);
            header.0[RELEASED_NS].store(0, Relaxed);
            header.0[UNMATCHED].store(0, Relaxed);
            header.0[OVERWRITTEN_IN_FLIGHT].store(0, Relaxed);
            header.0[OWNER].store(owner(process, IN_USE), Release);
        } else {
            shared.mapping.long(header::RINGS_REFUSED).fetch_add(1, Relaxed);
        }
        let origin = Origin { process, site: 0, sqid, cqid };
        let (count, sites) = (Cell::new(count), site::Cache::default());
        Self { shared, index, place, origin, count, sites }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // A child of a fork has a copy of this ring, which is not its own to release.
        if self.index.is_some() && self.origin.process == std::process::id() {
            let header = self.place.header();
            header.0[RELEASED_NS].store(now_ns(), Relaxed);
            header.0[OWNER].store(owner(self.origin.process, RELEASED), Release);
        }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("index", &self.index)
            .field("sqid", &self.origin.sqid)
            .field("cqid", &self.origin.cqid)
            .field("count", &self.count.get())
            .finish_non_exhaustive()
    }
}

/// What is known of one ring, without its commands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RingInfo {
    /// Which ring of the log.
    pub index: u32,
    /// The submission queue that used it last.
    pub sqid: u16,
    /// Its completion queue.
    pub cqid: u16,
    /// The process that logged.
    pub process: u32,
    /// When the queue was created, CLOCK_MONOTONIC in ns.
    pub created_ns: u64,
    /// When it was deleted; `None` while it exists, or if its process died with it.
    pub released_ns: Option<u64>,
    /// How many commands were ever logged in this ring, those of earlier queues included.
    pub commands: u64,
    /// Completions of commands that were overwritten before, or that had been completed before.
    pub unmatched: u64,
    /// Commands that were overwritten while they were in flight.
    pub overwritten_in_flight: u64,
}

impl RingInfo {
    /// Returns what is known of a ring that some queue has used.
    pub(super) fn read(shared: &Shared, index: u32) -> Option<Self> {
        let place = Place::of(shared, index);
        let header = place.header();
        let word = |word: usize| header.0[word].load(Acquire);
        let owner = word(OWNER);
        if !matches!(state(owner), IN_USE | RELEASED) {
            return None;
        }
        let released = state(owner) == RELEASED;
        Some(Self {
            index,
            sqid: word(QUEUES) as u16,
            cqid: (word(QUEUES) >> 16) as u16,
            process: process(owner),
            created_ns: word(CREATED_NS),
            released_ns: released.then(|| word(RELEASED_NS)),
            commands: word(COUNT),
            unmatched: word(UNMATCHED),
            overwritten_in_flight: word(OVERWRITTEN_IN_FLIGHT),
        })
    }
}

/// Calls `visit` with each whole entry of a ring, the newest first, until it returns `false`.
pub(super) fn visit(shared: &Shared, index: u32, mut visit: impl FnMut(Token, Entry) -> bool) {
    let place = Place::of(shared, index);
    let count = place.header().0[COUNT].load(Acquire);
    let kept = count.min(u64::from(shared.layout.geometry.entries));
    for sequence in (count - kept + 1..=count).rev() {
        let entry = place.slot(sequence).read(sequence);
        if let Some(entry) = entry
            && !visit(Token { ring: index, sequence }, entry)
        {
            return;
        }
    }
}

/// The entries that a ring holds when this is made, from the oldest on, as they are when they are taken.
#[derive(Debug)]
pub(super) struct Entries {
    ring: u32,
    place: Place,
    /// The number of the next entry, and that of the last.
    next: u64,
    last: u64,
    is_done: bool,
}

impl Entries {
    pub(super) fn new(shared: &Shared, ring: u32) -> Self {
        let place = Place::of(shared, ring);
        let last = place.header().0[COUNT].load(Acquire);
        let kept = last.min(u64::from(shared.layout.geometry.entries));
        Self { ring, place, next: last - kept + 1, last, is_done: kept == 0 }
    }
}

impl Iterator for Entries {
    type Item = (Token, Entry);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_done {
            let (ring, sequence) = (self.ring, self.next);
            self.is_done = sequence == self.last;
            self.next = sequence.wrapping_add(1);
            // One that was overwritten meanwhile is gone.
            if let Some(entry) = self.place.slot(sequence).read(sequence) {
                return Some((Token { ring, sequence }, entry));
            }
        }
        None
    }
}

/// The words of a ring's header.
const OWNER: usize = 0;
const COUNT: usize = 1;
const QUEUES: usize = 2;
const CREATED_NS: usize = 3;
const RELEASED_NS: usize = 4;
const UNMATCHED: usize = 5;
const OVERWRITTEN_IN_FLIGHT: usize = 6;

/// The states in the owner's word, beside its process.
const NEVER_USED: u32 = 0;
const CLAIMED: u32 = 1;
const IN_USE: u32 = 2;
const RELEASED: u32 = 3;

#[derive(Clone, Copy)]
struct Header<'a>(&'a [AtomicU64; RING_HEADER / 8]);

impl Header<'_> {
    /// Counts one more; there is one writer, so this needs no atomic addition.
    fn add(self, word: usize) {
        self.0[word].store(self.0[word].load(Relaxed).wrapping_add(1), Relaxed);
    }
}

/// A ring in the file.
#[derive(Debug)]
struct Place {
    header: Longs<{ RING_HEADER / 8 }>,
    /// A power of two of them.
    entries: Longs<{ ENTRY / 8 }>,
}

impl Place {
    fn of(shared: &Shared, ring: u32) -> Self {
        let Shared { mapping, layout, .. } = shared;
        let count = layout.geometry.entries;
        Self {
            header: Longs::new(Arc::clone(mapping), layout.ring(ring), 1),
            entries: Longs::new(Arc::clone(mapping), layout.entries(ring), count as usize),
        }
    }

    #[inline(always)]
    fn header(&self) -> Header<'_> {
        Header(self.header.of_number(0))
    }

    fn count(&self) -> u64 {
        self.entries.last() as u64 + 1
    }

    #[inline(always)]
    fn slot(&self, sequence: u64) -> Slot<'_> {
        Slot(self.entries.of_number(sequence))
    }
}

const fn owner(process: u32, state: u32) -> u64 {
    (process as u64) << 32 | state as u64
}

const fn state(owner: u64) -> u32 {
    owner as u32
}

const fn process(owner: u64) -> u32 {
    (owner >> 32) as u32
}

/// Marks a ring as claimed by `process`; `None` if all are in use.
fn claim(shared: &Shared, process: u32) -> Option<u32> {
    let rings = shared.layout.geometry.rings;
    let has_died = |owner| owner != process && is_dead(owner);
    // Each failure means that another process took the ring: after that many, none is left.
    for _ in 0..rings {
        let free = |index: &u32| {
            let place = Place::of(shared, *index);
            let header = place.header();
            let owner = header.0[OWNER].load(Acquire);
            let since = match state(owner) {
                NEVER_USED => 0,
                RELEASED => header.0[RELEASED_NS].load(Relaxed),
                _ if has_died(self::process(owner)) => header.0[CREATED_NS].load(Relaxed),
                _ => return None,
            };
            Some((since, *index, owner))
        };
        let (_, index, before) = (0..rings).filter_map(|index| free(&index)).min()?;
        let place = Place::of(shared, index);
        let word = &place.header().0[OWNER];
        let after = owner(process, CLAIMED);
        if word.compare_exchange(before, after, AcqRel, Relaxed).is_ok() {
            return Some(index);
        }
    }
    None
}

/// Whether no process has this identifier: signal 0 asks without sending.
fn is_dead(process: u32) -> bool {
    let Ok(process) = i32::try_from(process) else { return true };
    process == 0 || kill(Pid::from_raw(process), None) == Err(Errno::ESRCH)
}
