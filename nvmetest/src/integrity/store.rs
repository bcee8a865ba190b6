//! What the table notes of writes.

use std::ops::Range;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Release;

use super::bucket::Bucket;
use super::bucket::Node;
use super::content::Content;
use super::content::Tracking;
use super::content::Word;
use super::error::TableError;
use super::memory::FIRST_STAMP;
use super::place::BUCKET;
use super::record::Entry;
use super::record::Record;
use super::table::Table;

/// A bucket has records of so many blocks, if nobody writes them any more, for reads that may still be in flight.
const KEPT: usize = 32;
/// No record has more contents: 16 workers with 1024 commands each have half of them in flight.
const MOST_ENTRIES: usize = 1 << 15;
/// So many records are looked at for one that can be given up.
const LOOKED_AT: usize = 8;

impl Table {
    #[inline]
    fn tag(lba: u64, generation: u16) -> u64 {
        u64::from(generation) << 48 | (lba + 1)
    }

    /// The record of a block.
    #[inline]
    pub(super) fn find<'b, 't>(
        &self,
        bucket: &'b Bucket<'t>,
        lba: u64,
        generation: u16,
    ) -> Option<Record<'b, 't>> {
        bucket.find(Self::tag(lba, generation))
    }

    /// Has the word of a block say what it holds, if no write is in flight and that is one content: who reads that need
    /// not look at the record, which stays for those who read something else.
    pub(super) fn quiet(&self, main: &AtomicU64, record: &Record<'_, '_>) {
        let generation = (record.tag >> 48) as u16;
        let word = Word::from_bits(main.load(Acquire), generation);
        if !word.has_record || word.tracking != Tracking::All || record.is_in_flight() {
            return;
        }
        if record.is_large() {
            // A read is to look at it, and to give back its nodes when they are of age.
            return;
        }
        let content = self.merged(record).filter(|content| *content != Content::Lost);
        if let Some(content) = content {
            main.store(Word { content, has_record: false, ..word }.bits(generation), Release);
        }
    }

    /// All that a block may hold now as one content, if there is one.
    pub(super) fn merged(&self, record: &Record<'_, '_>) -> Option<Content> {
        let mut contents = record.candidates(u64::MAX).map(|entry| entry.content);
        let first = contents.next()?;
        contents.try_fold(first, |merged, content| self.fills.merge(merged, content))
    }

    /// Takes the record from its block, of which all writes are complete, and keeps what they left. Returns whether
    /// that can be said in one word; if not, and `or_lose`, nothing is known of it any more.
    pub(super) fn settle(&self, record: &Record<'_, '_>, or_lose: bool) -> bool {
        let generation = (record.tag >> 48) as u16;
        let lba = (record.tag & ((1 << 48) - 1)).saturating_sub(1);
        let Some(main) = self.memory.main(lba).filter(|_| lba < self.blocks()) else {
            // The table was damaged: there is no such block.
            record.clear();
            return true;
        };
        let word = Word::from_bits(main.load(Acquire), generation);
        let content = match self.merged(record) {
            _ if word.tracking != Tracking::All => Content::Lost,
            Some(content) => content,
            None if or_lose => {
                self.memory.count_degraded();
                Content::Lost
            }
            None => return false,
        };
        // A read that began before the last write was complete may return what is dropped here.
        record.bucket.raise_horizon(record.ends().1);
        main.store(Word { content, has_record: false, ..word }.bits(generation), Release);
        record.clear();
        true
    }

    /// Finds a node of a bucket that is nobody's. The record `own` stays as it is.
    fn room<'t>(&self, bucket: &Bucket<'t>, own: u64) -> Result<Option<Node<'t>>, TableError> {
        let generation = own >> 48;
        let is_void = |tag: u64| tag == 0 || tag >> 48 != generation;
        let free = || bucket.nodes().find(|node| is_void(node.tag()));
        if let Some(node) = free() {
            return Ok(Some(node));
        }
        let mut others: Vec<(u64, Record<'_, '_>)> = Vec::new();
        for node in bucket.nodes() {
            let tag = node.tag();
            if tag == own || others.iter().any(|(_, record)| record.tag == tag) {
                continue;
            }
            let record = Record { bucket, tag };
            let (is_in_flight, last) = record.ends();
            // What is in flight is the youngest.
            others.push((if is_in_flight { u64::MAX } else { last }, record));
        }
        let is_full = KEPT <= others.len();
        let old = if is_full { u64::MAX } else { self.memory.old() };
        others.retain(|(last, _)| *last != u64::MAX);
        others.sort_by_key(|(last, _)| *last);
        let of_age = others.iter().take_while(|(last, _)| *last <= old).take(LOOKED_AT);
        let settled = of_age.filter(|(_, record)| self.settle(record, false));
        // Of what nobody needs any more, as many as may be, for the next ones who look for room.
        if settled.take(if is_full { 1 } else { LOOKED_AT }).count() != 0 {
            return Ok(free());
        }
        if let Some(node) = bucket.grow()? {
            return Ok(Some(node));
        }
        if let Some((_, record)) = others.first() {
            self.settle(record, true);
        }
        Ok(free())
    }

    /// Adds a content to what a block may hold. Returns whether there was room.
    pub(super) fn add(
        &self,
        bucket: &Bucket<'_>,
        main: &AtomicU64,
        lba: u64,
        generation: u16,
        entry: &Entry,
    ) -> Result<bool, TableError> {
        let tag = Self::tag(lba, generation);
        if let Some(record) = self.find(bucket, lba, generation) {
            let word = Word::from_bits(main.load(Acquire), generation);
            if !word.has_record {
                main.store(Word { has_record: true, ..word }.bits(generation), Release);
            }
            let put = || record.free_slot().map(|slot| slot.put(entry)).is_some();
            if put() {
                return Ok(true);
            }
            let left = record.prune(self.memory.old());
            if put() {
                return Ok(true);
            }
            if MOST_ENTRIES <= left {
                return Ok(false);
            }
            if let Some(node) = self.room(bucket, tag)? {
                node.begin(&[*entry]);
                node.name(tag);
                return Ok(true);
            }
            // Rather than nothing at all, what reads in flight may return is forgotten.
            record.prune(self.memory.now());
            if put() {
                return Ok(true);
            }
            if record.ends().0 {
                return Ok(false);
            }
            self.settle(&record, true);
        }
        let Some(node) = self.room(bucket, tag)? else { return Ok(false) };
        let word = Word::from_bits(main.load(Acquire), generation);
        node.begin(&[Entry::settled(word.content, FIRST_STAMP), *entry]);
        main.store(Word { has_record: true, ..word }.bits(generation), Release);
        node.name(tag);
        Ok(true)
    }

    /// Adds a write that is about to be in flight. If there is no room for it, until it is complete, anything goes: in
    /// `is_untracked` stands whether its writer was told to be about such a write.
    pub(super) fn begin(
        &self,
        (main, words): (&AtomicU64, &[AtomicU64; BUCKET]),
        lba: u64,
        generation: u16,
        entry: &Entry,
        is_untracked: &mut bool,
    ) -> Result<(), TableError> {
        let bucket = Bucket::lock(&self.memory, words)?;
        let word = || Word::from_bits(main.load(Acquire), generation);
        let has_room = match word().tracking {
            Tracking::None => return Ok(()),
            Tracking::All => true,
            // What cannot be followed is over, and what is about to begin comes later.
            Tracking::Some if !self.memory.has_untracked() => {
                let lost = Entry::settled(Content::Lost, entry.begin - 1);
                let is_noted = self.add(&bucket, main, lba, generation, &lost)?;
                if is_noted {
                    let word = Word { tracking: Tracking::All, ..word() };
                    main.store(word.bits(generation), Release);
                }
                is_noted
            }
            Tracking::Some => false,
        };
        if has_room && self.add(&bucket, main, lba, generation, entry)? {
            return Ok(());
        }
        if !*is_untracked {
            self.memory.count_untracked(entry.writer, true);
            *is_untracked = true;
        }
        self.memory.count_degraded();
        let word = Word { content: Content::Lost, tracking: Tracking::Some, ..word() };
        main.store(word.bits(generation), Release);
        Ok(())
    }

    /// Notes what became of a write that `writer` began at the stamp `begin`: it ended at `end`, for certain if not
    /// `maybe`; without an end it was never sent.
    pub(super) fn end(
        &self,
        lba: u64,
        generation: u16,
        (writer, begin): (u32, u64),
        end: Option<u64>,
        maybe: bool,
    ) {
        let (Some(main), Some(words)) = (self.memory.main(lba), self.memory.bucket(lba)) else {
            return;
        };
        // If somebody is stopped with the bucket, the write stays in flight until its writer is gone.
        let Ok(bucket) = Bucket::lock(&self.memory, words) else { return };
        let Some(record) = self.find(&bucket, lba, generation) else { return };
        let is_it = |entry: &Entry| entry.begin == begin && entry.writer == writer & 0xffff;
        let Some((slot, entry)) = record.slots().find(|(_, entry)| is_it(entry)) else { return };
        match end {
            None => slot.clear(),
            // Deallocation is a hint (NVM 3.3.3.2.1).
            Some(end) => {
                let maybe = maybe || entry.content == Content::Deallocated;
                slot.end(&Entry { end, maybe, ..entry });
            }
        }
        self.quiet(main, &record);
    }

    /// Notes that blocks are written by somebody who will not say when that is over: nothing is known of them until all
    /// is made void.
    pub(crate) fn lose_for_good(&self, range: Range<u64>) -> Result<(), TableError> {
        let generation = self.memory.generation();
        for lba in range.start..range.end.min(self.blocks()) {
            let (main, words) = self.memory.make(lba)?;
            let bucket = Bucket::lock(&self.memory, words)?;
            self.memory.count_degraded();
            let word = Word { content: Content::Lost, has_record: false, tracking: Tracking::None };
            main.store(word.bits(generation), Release);
            if let Some(record) = self.find(&bucket, lba, generation) {
                record.clear();
            }
        }
        Ok(())
    }
}
