//! The journal: what all processes do to the blocks of a namespace, each in a lane of its own, in one order.
//!
//! A lane is a ring of words. Its writer appends entries and never waits for a lock; who has the record takes them.
//! The order is one counter in shared memory: an entry takes its number from it, then is written, then published. So
//! an entry may be published later than one of a higher number, of another process. For that a writer *announces*
//! the least number that it may take, before it takes it, and takes that back when the entry is published: the reader looks at
//! the counter first and at the announcements afterwards, and leaves what comes behind the least of them for the next
//! time. What it takes, it takes in order, and nothing is missing.
//!
//! A process that is killed leaves at most an entry that was not published: a command whose doorbell was not rung, or
//! a completion that nobody has seen. Its announcement says nothing any more once its lane is known to have ended.
//!
//! The file is a hole: room is reserved before it is touched, and given back when a lane is.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::AcqRel;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;

use crate::integrity::Content;
use crate::integrity::Outcome;
use crate::memory::Words;

use super::entry::Deed;
use super::entry::Entry;
use super::entry::HEAD;
use super::entry::Kind;

/// How many lanes there are: the first is that of the process that has the record.
pub(super) const LANES: usize = 128;
/// The words of the ring of a lane.
pub(super) const RING: u64 = 1 << 20;
/// So many words are kept for what a completion has to say: of as many commands as a queue holds.
const SPARE: u64 = (1 << 16) * (HEAD as u64 + 1);
/// Memory is reserved in pieces of so many words.
const PIECE: u64 = 8 << 10;
const WORD: usize = 8;
const PAGE: usize = 4096;
const LANE_BYTES: usize = PAGE + RING as usize * WORD;

/// The counter, in the first page.
const CLOCK: usize = 0;
// The words of a lane, from its start on.
/// How many words were published, ever: the writer's.
const PUBLISHED: usize = 0;
/// No entry that is not published has a lower number; 0 if there is none: the writer's.
const ANNOUNCED: usize = 128;
/// How many words were taken, ever: the reader's.
const TAKEN: usize = 256;
/// An entry had to be left out: the writer's.
const INCOMPLETE: usize = 384;

/// Why a command cannot be followed, and so is not to be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file of the journal cannot be made or mapped.
    #[error(
        "cannot have the journal of a durability record in memory ({LANES} lanes, most of them a hole): {0}"
    )]
    Memory(#[source] io::Error),
    /// There is no room for what is about to be noted.
    #[error(
        "no room for the journal of a durability record: {needed} bytes more were needed: {why}; free that much"
    )]
    NoRoom {
        /// How many bytes were asked for.
        needed: u64,
        /// What the kernel says.
        #[source]
        why: io::Error,
    },
    /// Nobody takes what was noted.
    #[error(
        "the journal of a durability record is full: {} words were noted and not taken; the session takes them while it \
         joins a worker, asks what one has counted, or sends a command itself", RING - SPARE
    )]
    Full,
    /// Too many workers at a time.
    #[error("{} workers write to the namespace of a durability record, and it follows no more at a time: join some", LANES - 1)]
    NoLane,
}

/// The memory of a journal.
#[derive(Debug)]
pub(super) struct Journal {
    words: Words,
}

/// The writer of a lane.
#[derive(Debug)]
pub(crate) struct Lane {
    journal: Rc<Journal>,
    number: usize,
    /// The words of the ring that memory was reserved for.
    reserved: Cell<u64>,
}

/// A command that was noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begun(pub(super) u64);

impl Journal {
    pub(super) fn new() -> Result<Self, JournalError> {
        let words = Words::anonymous(c"nvmetest durability", PAGE + LANES * LANE_BYTES);
        let journal = Self { words: words.map_err(JournalError::Memory)? };
        journal.reserve(0..PAGE)?;
        Ok(journal)
    }

    fn attach(file: File) -> io::Result<Self> {
        Ok(Self { words: Words::of(file, PAGE + LANES * LANE_BYTES)? })
    }

    /// The file, for a process that is to have a lane.
    pub(super) fn file(&self) -> &File {
        self.words.file()
    }

    /// The number of the latest entry of all.
    pub(super) fn now(&self) -> u64 {
        self.words.at(CLOCK).load(Acquire)
    }

    /// A number for an event that has no entry.
    pub(super) fn tick(&self) -> u64 {
        self.words.at(CLOCK).fetch_add(1, AcqRel) + 1
    }

    /// Makes a lane ready for its writer.
    pub(super) fn open(&self, lane: usize) -> Result<(), JournalError> {
        let start = Self::start(lane);
        self.reserve(start..start + PAGE)?;
        for at in [PUBLISHED, ANNOUNCED, TAKEN, INCOMPLETE] {
            self.word(lane, at).store(0, Release);
        }
        Ok(())
    }

    /// Gives the memory of a lane back that has no writer any more.
    pub(super) fn close(&self, lane: usize) {
        let start = Self::start(lane);
        // What cannot be given back stays, until the journal goes.
        _ = self.words.release(start, LANE_BYTES);
    }

    /// Up to which number all entries are published. Of lanes whose writers are gone, nothing more comes.
    pub(super) fn settled(&self, live: impl Iterator<Item = usize>) -> u64 {
        // The order counts: see the module.
        let now = self.now();
        let announced = live.map(|lane| self.word(lane, ANNOUNCED).load(Acquire));
        announced.filter(|least| *least != 0).fold(now, |settled, least| settled.min(least - 1))
    }

    /// Takes the entries of a lane up to a number.
    ///
    /// # Errors
    ///
    /// Fails with what is wrong with the lane, if its writer left a mark on it that it does not leave.
    pub(super) fn take(
        &self,
        lane: usize,
        settled: u64,
        to: &mut Vec<Entry>,
    ) -> Result<(), String> {
        let damaged = |what: &str| Err(format!("lane {lane} of its journal {what}"));
        if self.word(lane, INCOMPLETE).load(Acquire) != 0 {
            return damaged("had no room for a completion");
        }
        let published = self.word(lane, PUBLISHED).load(Acquire);
        let taken = self.word(lane, TAKEN);
        let mut at = taken.load(Relaxed);
        if RING < published.wrapping_sub(at) {
            return damaged("is damaged");
        }
        while at < published {
            let read = |offset: u64| self.ring(lane, at + offset).load(Relaxed);
            if settled < read(0) {
                break;
            }
            let Some((entry, len)) = Entry::decode(lane, published - at, read) else {
                return damaged("has an entry that is none");
            };
            to.push(entry);
            at += len;
        }
        taken.store(at, Release);
        Ok(())
    }

    /// Whether all that was published was taken.
    pub(super) fn is_empty(&self, lane: usize) -> bool {
        let words = [PUBLISHED, TAKEN].map(|at| self.word(lane, at).load(Acquire));
        words[0] == words[1]
    }

    /// Whether so much waits to be taken that it is time to.
    fn is_half_full(&self, lane: usize) -> bool {
        let words = [PUBLISHED, TAKEN].map(|at| self.word(lane, at).load(Relaxed));
        RING / 2 < words[0].wrapping_sub(words[1])
    }

    fn reserve(&self, bytes: Range<usize>) -> Result<(), JournalError> {
        let needed = (bytes.end - bytes.start) as u64;
        self.words
            .reserve(bytes.start, bytes.end - bytes.start)
            .map_err(|why| JournalError::NoRoom { needed, why })
    }

    fn start(lane: usize) -> usize {
        PAGE + lane % LANES * LANE_BYTES
    }

    #[inline]
    fn word(&self, lane: usize, at: usize) -> &AtomicU64 {
        self.words.at(Self::start(lane) + at)
    }

    #[inline]
    fn ring(&self, lane: usize, at: u64) -> &AtomicU64 {
        self.word(lane, PAGE + (at % RING) as usize * WORD)
    }
}

#[cfg(test)]
impl Journal {
    /// Leaves a lane as a process does that is stopped when it has taken a number.
    pub(super) fn announce_for_test(&self, lane: usize) {
        self.word(lane, ANNOUNCED).store(self.now() + 1, Release);
        self.tick();
    }

    /// Has a lane say that more was published than it holds.
    pub(super) fn spoil_length_for_test(&self, lane: usize) {
        self.word(lane, PUBLISHED).store(u64::MAX, Release);
    }

    /// Changes the head of the first entry of a lane.
    pub(super) fn spoil_entry_for_test(&self, lane: usize) {
        self.ring(lane, 1).store(u64::MAX, Release);
    }
}

impl Lane {
    pub(super) fn new(journal: &Rc<Journal>, number: usize) -> Self {
        Self { journal: journal.clone(), number, reserved: Cell::new(0) }
    }

    /// Maps the journal that another process of the session has made, and has a lane for this one.
    pub(crate) fn attach(file: File, number: usize) -> io::Result<Self> {
        Ok(Self::new(&Rc::new(Journal::attach(file)?), number))
    }

    /// Notes that the blocks from `slba` on are about to be written: before the doorbell is rung.
    ///
    /// # Errors
    ///
    /// Fails if there is no room; then nothing is noted, and the command is not to be sent.
    pub(crate) fn writes(
        &self,
        slba: u64,
        contents: impl ExactSizeIterator<Item = Content>,
        fua: bool,
    ) -> Result<Begun, JournalError> {
        let len = contents.len() as u64;
        let words = [slba].into_iter().chain(contents.map(Deed::word_of));
        self.append((Kind::Writes, fua.into()), (1 + len, SPARE), words).map(Begun)
    }

    /// As [`writes`](Self::writes), for blocks that all get the same, however many they are.
    ///
    /// # Errors
    ///
    /// As there.
    pub(crate) fn fills(
        &self,
        range: &Range<u64>,
        content: Content,
        fua: bool,
    ) -> Result<Begun, JournalError> {
        let words = [range.start, range.end, Deed::word_of(content)];
        self.append((Kind::Fills, fua.into()), (3, SPARE), words.into_iter()).map(Begun)
    }

    /// Notes that a Flush is about to be submitted.
    ///
    /// # Errors
    ///
    /// As for [`writes`](Self::writes).
    pub(crate) fn flushes(&self) -> Result<Begun, JournalError> {
        self.append((Kind::Flushes, 0), (0, SPARE), [].into_iter()).map(Begun)
    }

    /// Notes that the volatile write cache is about to be enabled, or was disabled.
    ///
    /// # Errors
    ///
    /// As for [`writes`](Self::writes).
    pub(crate) fn cache(&self, is_enabled: bool) -> Result<(), JournalError> {
        let spare = if is_enabled { SPARE } else { 0 };
        self.append((Kind::Cache, is_enabled.into()), (0, spare), [].into_iter()).map(drop)
    }

    /// Notes what became of a command: after its completion was seen.
    pub(crate) fn ended(&self, begun: Begun, outcome: Outcome) {
        let flag = Deed::flag_of(outcome);
        if self.append((Kind::Ended, flag), (1, 0), [begun.0].into_iter()).is_err() {
            // Room was kept, so that this is none of a worker's; and the record says so when it is asked.
            self.journal.word(self.number, INCOMPLETE).store(1, Release);
        }
    }

    /// Whether so much waits to be taken that it is time to.
    pub(super) fn is_half_full(&self) -> bool {
        self.journal.is_half_full(self.number)
    }

    /// Appends an entry of so many words behind its head, where so many are to be left. Returns its number.
    #[inline]
    fn append(
        &self,
        (kind, flag): (Kind, u64),
        (len, spare): (u64, u64),
        words: impl Iterator<Item = u64>,
    ) -> Result<u64, JournalError> {
        let (journal, lane) = (&*self.journal, self.number);
        let len = len + HEAD as u64;
        let published = journal.word(lane, PUBLISHED).load(Relaxed);
        let taken = journal.word(lane, TAKEN).load(Acquire);
        if RING < published.wrapping_sub(taken).saturating_add(len + spare) {
            return Err(JournalError::Full);
        }
        self.ensure(published + len)?;
        let announced = journal.word(lane, ANNOUNCED);
        announced.store(journal.now() + 1, Release);
        let number = journal.tick();
        let all = [number, Entry::head(kind, flag, len)].into_iter().chain(words);
        for (at, word) in (published..published + len).zip(all) {
            journal.ring(lane, at).store(word, Relaxed);
        }
        journal.word(lane, PUBLISHED).store(published + len, Release);
        announced.store(0, Release);
        Ok(number)
    }

    /// Reserves the ring up to a word: to touch a hole without room for it is a signal, and no error.
    #[inline]
    fn ensure(&self, end: u64) -> Result<(), JournalError> {
        let (reserved, end) = (self.reserved.get(), end.min(RING));
        if end <= reserved {
            return Ok(());
        }
        let end = end.next_multiple_of(PIECE);
        let base = Journal::start(self.number) + PAGE;
        self.journal.reserve(base + reserved as usize * WORD..base + end as usize * WORD)?;
        self.reserved.set(end);
        Ok(())
    }
}
