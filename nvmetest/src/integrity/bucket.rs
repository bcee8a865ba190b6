//! The records of the blocks that are being written, or were written lately.

use std::fs;
use std::hint;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use super::content::Content;
use super::memory::BUCKET;
use super::memory::this_process;

/// How many blocks of a bucket have a record at a time.
const WAYS: usize = 4;
/// How many contents a record holds.
pub(super) const ENTRIES: usize = 10;
const ENTRY_WORDS: usize = 3;

// The first line of a bucket: lock, horizon, the names of its records, and whether it is blind.
const LOCK: usize = 0;
const HORIZON: usize = 1;
const TAGS: usize = 2;
const BLIND: usize = 6;
const RECORDS: usize = 8;

const _: () = assert!(RECORDS + WAYS * ENTRIES * ENTRY_WORDS == BUCKET);

/// For so long a process that lives may have a lock: it may be stopped, and nobody can tell what it does next.
const PATIENCE: Duration = Duration::from_secs(2);

/// After so many looks at a lock it is asked whether its owner lives.
const SPINS: u32 = 1 << 12;

/// A content that a block has, had, or is about to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) content: Content,
    pub(super) writer: u32,
    /// Whether nobody knows if the write was executed: it does not supersede others.
    pub(super) maybe: bool,
    /// The stamp of the submission.
    pub(super) begin: u64,
    /// The stamp of the completion; zero while the write is in flight.
    pub(super) end: u64,
}

impl Entry {
    const USED: u64 = 1 << 4;
    const MAYBE: u64 = 1 << 5;

    fn meta(&self) -> u64 {
        let (kind, crc) = self.content.pack();
        let maybe = if self.maybe { Self::MAYBE } else { 0 };
        u64::from(crc) << 32
            | u64::from(self.writer & 0xffff) << 8
            | maybe
            | Self::USED
            | u64::from(kind)
    }

    fn of(meta: u64, begin: u64, end: u64) -> Self {
        Self {
            content: Content::unpack(meta as u8 & 0xf, (meta >> 32) as u32),
            writer: (meta >> 8) as u32 & 0xffff,
            maybe: meta & Self::MAYBE != 0,
            begin,
            end,
        }
    }
}

/// A bucket that this thread has locked.
///
/// A process may be killed at any store, and the next one goes on from there: after each of them what stands here
/// is in order. An entry counts from the store of its first word on, and a record from that of its tag.
pub(super) struct Bucket<'t> {
    words: &'t [AtomicU64; BUCKET],
}

impl<'t> Bucket<'t> {
    /// Locks the bucket. If that cannot be done, its owner is stopped: the bucket is blind from now on.
    #[inline]
    pub(super) fn lock(words: &'t [AtomicU64; BUCKET]) -> Option<Self> {
        let me = this_process();
        if words[BLIND].load(Relaxed) != 0 {
            return None;
        }
        let lock = &words[LOCK];
        if lock.compare_exchange(0, me, Acquire, Relaxed).is_err() && !wait(words, me) {
            return None;
        }
        Some(Self { words })
    }

    /// Of a read that began before this stamp, something was dropped that it may have returned.
    pub(super) fn horizon(&self) -> u64 {
        self.words[HORIZON].load(Relaxed)
    }

    fn raise_horizon(&self, to: u64) {
        if self.horizon() < to {
            self.words[HORIZON].store(to, Release);
        }
    }

    /// The record of a block.
    pub(super) fn find(&self, tag: u64) -> Option<Record<'_, 't>> {
        let way = (0..WAYS).find(|way| self.words[TAGS + way].load(Relaxed) == tag)?;
        Some(Record { bucket: self, way })
    }

    /// A record that is nobody's, or its tag is one of another generation.
    pub(super) fn free(&self, is_void: impl Fn(u64) -> bool) -> Option<Record<'_, 't>> {
        let way = (0..WAYS).find(|way| is_void(self.words[TAGS + way].load(Relaxed)))?;
        Some(Record { bucket: self, way })
    }

    /// All records, of whomever.
    pub(super) fn records(&self) -> impl Iterator<Item = Record<'_, 't>> {
        (0..WAYS).map(|way| Record { bucket: self, way })
    }
}

impl Drop for Bucket<'_> {
    #[inline]
    fn drop(&mut self) {
        // Somebody may have taken it, if this process was stopped for longer than anybody waits.
        _ = self.words[LOCK].compare_exchange(this_process(), 0, Release, Relaxed);
    }
}

/// Waits for a lock. Returns whether it was had.
#[cold]
fn wait(words: &[AtomicU64; BUCKET], me: u64) -> bool {
    let lock = &words[LOCK];
    let start = Instant::now();
    let mut looks = 0_u32;
    loop {
        let owner = lock.load(Relaxed);
        if owner == 0 && lock.compare_exchange(0, me, Acquire, Relaxed).is_ok() {
            return true;
        }
        looks = looks.wrapping_add(1);
        if !looks.is_multiple_of(64) {
            hint::spin_loop();
            continue;
        }
        thread::yield_now();
        if !looks.is_multiple_of(SPINS) || owner == 0 {
            continue;
        }
        if words[BLIND].load(Relaxed) != 0 {
            return false;
        }
        if owner != me && is_dead(owner) {
            // What it did so far is in order: the next one goes on.
            if lock.compare_exchange(owner, me, Acquire, Relaxed).is_ok() {
                return true;
            }
        } else if PATIENCE < start.elapsed() {
            words[BLIND].store(1, Release);
            return false;
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
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

/// The record of one block: its contents, in no order.
#[derive(Clone, Copy)]
pub(super) struct Record<'b, 't> {
    bucket: &'b Bucket<'t>,
    way: usize,
}

impl<'t> Record<'_, 't> {
    pub(super) fn tag(&self) -> u64 {
        self.bucket.words[TAGS + self.way].load(Relaxed)
    }

    /// Gives the record to a block.
    pub(super) fn name(&self, tag: u64) {
        self.bucket.words[TAGS + self.way].store(tag, Release);
    }

    /// Takes the record from its block.
    pub(super) fn clear(&self) {
        self.name(0);
        (0..ENTRIES).for_each(|entry| self.word(entry, 0).store(0, Release));
    }

    fn word(&self, entry: usize, word: usize) -> &'t AtomicU64 {
        &self.bucket.words[RECORDS + (self.way * ENTRIES + entry) * ENTRY_WORDS + word]
    }

    /// The contents, each with its number; `end_of` says when a writer was declared gone.
    pub(super) fn entries(&self, end_of: impl Fn(u32) -> u64) -> Entries {
        let mut entries = Entries { all: [(0, NOTHING); ENTRIES], len: 0 };
        for number in 0..ENTRIES {
            let meta = self.word(number, 0).load(Relaxed);
            if meta & Entry::USED == 0 {
                continue;
            }
            let word = |word| self.word(number, word).load(Relaxed);
            let mut entry = Entry::of(meta, word(1), word(2));
            if entry.end == 0 {
                // Of a writer that is gone nobody will say what came of it.
                entry.end = end_of(entry.writer);
                entry.maybe |= entry.end != 0;
            }
            entries.all[entries.len] = (number, entry);
            entries.len += 1;
        }
        entries
    }

    /// Adds a content. Returns whether there was room.
    pub(super) fn add(&self, entry: &Entry) -> bool {
        let is_free = |number: &usize| self.word(*number, 0).load(Relaxed) & Entry::USED == 0;
        let Some(number) = (0..ENTRIES).find(is_free) else { return false };
        self.word(number, 1).store(entry.begin, Relaxed);
        self.word(number, 2).store(entry.end, Relaxed);
        self.word(number, 0).store(entry.meta(), Release);
        true
    }

    /// Notes that a write is no longer in flight.
    pub(super) fn end(&self, number: usize, entry: &Entry) {
        self.word(number, 0).store(entry.meta(), Release);
        self.word(number, 2).store(entry.end, Release);
    }

    /// Forgets a content that reads before `horizon` may have returned.
    pub(super) fn remove(&self, number: usize, horizon: u64) {
        self.bucket.raise_horizon(horizon);
        self.word(number, 0).store(0, Release);
    }
}

const NOTHING: Entry =
    Entry { content: Content::Unknown, writer: 0, maybe: false, begin: 0, end: 0 };

/// The contents of a record at one moment.
pub(super) struct Entries {
    all: [(usize, Entry); ENTRIES],
    len: usize,
}

impl Entries {
    pub(super) fn iter(&self) -> impl Iterator<Item = &(usize, Entry)> {
        self.all[..self.len].iter()
    }

    /// Whether a read that began at `since` can no longer return an entry: a write that began when that was complete
    /// was complete itself by then.
    pub(super) fn is_superseded(&self, entry: &Entry, since: u64) -> bool {
        entry.end != 0
            && self.iter().any(|(_, later)| {
                !later.maybe && later.end != 0 && later.end <= since && entry.end < later.begin
            })
    }

    /// What a read that began at `since` may return.
    pub(super) fn candidates(&self, since: u64) -> impl Iterator<Item = &(usize, Entry)> {
        self.iter().filter(move |(_, entry)| !self.is_superseded(entry, since))
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.iter().any(|(_, entry)| entry.end == 0)
    }

    /// When the last write was complete.
    pub(super) fn last_end(&self) -> u64 {
        self.iter().map(|(_, entry)| entry.end).max().unwrap_or(0)
    }
}
