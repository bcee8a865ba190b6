//! Whether a block that was read has what it may have.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;

use super::bucket::Bucket;
use super::content::Content;
use super::content::Tracking;
use super::content::Word;
use super::record::Entry;
use super::record::Record;
use super::table::Table;
use super::verdict::Candidate;
use super::verdict::Time;

/// No more candidates are told, of those that a block may have, and of those that it had.
const MOST_TOLD: usize = 64;

impl Table {
    /// Looks whether a read that began at `begin` may have returned a block with this CRC32.
    #[inline]
    pub(super) fn judge(&self, lba: u64, begin: u64, crc: u32) -> Result<(), Vec<Candidate>> {
        let generation = self.memory.generation();
        let Some(main) = self.memory.main(lba) else { return Ok(()) };
        let word = Word::from_bits(main.load(Acquire), generation);
        if !word.has_record && self.fills.admit_at_once(word.content, crc) {
            return Ok(());
        }
        self.judge_closely(main, lba, begin, crc, generation)
    }

    #[cold]
    fn judge_closely(
        &self,
        main: &AtomicU64,
        lba: u64,
        begin: u64,
        crc: u32,
        generation: u16,
    ) -> Result<(), Vec<Candidate>> {
        let unjudged = || {
            self.memory.count_unjudged();
            Ok(())
        };
        if self.memory.is_blind() {
            return unjudged();
        }
        let Some(words) = self.memory.bucket(lba) else { return Ok(()) };
        let Ok(bucket) = Bucket::lock(&self.memory, words) else { return unjudged() };
        let word = Word::from_bits(main.load(Acquire), generation);
        if word.tracking != Tracking::All {
            return unjudged();
        }
        let Some(record) = self.find(&bucket, lba, generation) else {
            let content = word.content;
            if content == Content::Lost {
                return unjudged();
            }
            if !self.fills.admit(content, crc) {
                if begin < bucket.horizon() {
                    return unjudged();
                }
                return Err(vec![Candidate { content, time: Time::Settled }]);
            }
            if !self.fills.admit_at_once(content, crc) && bucket.horizon() <= begin {
                // It was deallocated late, and from now on it is.
                let now = self.memory.tick();
                let hole = Entry::settled_by_read(Content::Deallocated, now, false);
                _ = self.add(&bucket, main, lba, generation, &hole);
            }
            return Ok(());
        };
        let floor = record.floor(begin);
        let (mut is_admitted, mut is_lost, mut has_choice) = (false, false, false);
        let (mut is_in_flight, mut last) = (false, 0);
        for entry in record.entries(begin) {
            is_in_flight |= entry.is_in_flight();
            last = last.max(entry.end);
            if !entry.is_past(floor) {
                is_admitted |= self.fills.admit(entry.content, crc);
                is_lost |= entry.content == Content::Lost;
                has_choice |= self.fills.left(entry.content, crc) != Some(entry.content);
            }
        }
        if is_lost || (!is_admitted && begin < bucket.horizon()) {
            return unjudged();
        }
        if !is_admitted {
            return Err(told(&record, begin));
        }
        if is_in_flight || begin < last {
            return Ok(());
        }
        if has_choice {
            self.note_read((&bucket, main), &record, lba, crc, last);
        } else if last < self.memory.old() && self.settle(&record, false) {
            bucket.shrink(|tag| tag == 0 || (tag >> 48) as u16 != generation);
            return Ok(());
        }
        self.quiet(main, &record);
        Ok(())
    }

    /// Whether a read that began at `begin` could only return a block with this CRC32: then, what it may be.
    pub(super) fn is_certain(&self, lba: u64, begin: u64, crc: u32) -> Option<Vec<Candidate>> {
        let generation = self.memory.generation();
        let (main, words) = (self.memory.main(lba)?, self.memory.bucket(lba)?);
        if self.memory.is_blind() {
            return None;
        }
        let bucket = Bucket::lock(&self.memory, words).ok()?;
        let word = Word::from_bits(main.load(Acquire), generation);
        // What was forgotten may have been there, too.
        if word.tracking != Tracking::All || begin < bucket.horizon() {
            return None;
        }
        let Some(record) = self.find(&bucket, lba, generation) else {
            let candidate = Candidate { content: word.content, time: Time::Settled };
            return self.fills.is_certain(word.content, crc).then(|| vec![candidate]);
        };
        let is_certain =
            record.candidates(begin).all(|entry| self.fills.is_certain(entry.content, crc));
        (is_certain && record.candidates(begin).next().is_some()).then(|| told(&record, begin))
    }

    /// A read that began when nothing was in flight settles what writes that overlapped each other have left.
    fn note_read(
        &self,
        (bucket, main): (&Bucket<'_>, &AtomicU64),
        record: &Record<'_, '_>,
        lba: u64,
        crc: u32,
        last: u64,
    ) {
        let generation = (record.tag >> 48) as u16;
        let candidates = || record.candidates(u64::MAX).map(|entry| entry.content);
        let mut contents: Vec<Content> =
            candidates().filter_map(|content| self.fills.left(content, crc)).collect();
        contents.sort_by_key(|content| content.pack());
        contents.dedup();
        // What is deallocated may have become so just now, and a read that is in flight may have what was there before.
        let is_hole = candidates().any(|content| self.fills.may_be_hole(content, crc));
        let at = if is_hole { self.memory.tick() } else { last };
        // Only the last one supersedes what is not left: when it is there, they all are.
        let count = contents.len();
        for (number, content) in contents.into_iter().enumerate() {
            let entry = Entry::settled_by_read(content, at, number + 1 < count);
            // Where there is no room for it, it is not settled.
            if !matches!(self.add(bucket, main, lba, generation, &entry), Ok(true)) {
                return;
            }
        }
    }
}

/// What a block may have, and what it had, as a read sees it that began at `begin`.
fn told(record: &Record<'_, '_>, begin: u64) -> Vec<Candidate> {
    let floor = record.floor(begin);
    let time = |entry: &Entry| match entry {
        _ if entry.is_past(floor) => Time::Past,
        Entry { end: 0, .. } => Time::InFlight,
        Entry { maybe: true, .. } => Time::Maybe,
        _ => Time::Settled,
    };
    let candidate = |entry: Entry| Candidate { content: entry.content, time: time(&entry) };
    let (past, may): (Vec<_>, Vec<_>) =
        record.entries(0).map(candidate).partition(|it| it.time == Time::Past);
    may.into_iter().take(MOST_TOLD).chain(past.into_iter().take(MOST_TOLD)).collect()
}
