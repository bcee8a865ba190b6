//! The table: what each block may hold.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Release;

use super::bucket::Bucket;
use super::bucket::Entry;
use super::bucket::Record;
use super::content::Content;
use super::content::Fills;
use super::content::Word;
use super::memory::BUCKET;
use super::memory::FIRST_STAMP;
use super::memory::Geometry;
use super::memory::Memory;
use super::memory::TableError;
use super::verdict::Candidate;
use super::verdict::Miscompare;
use super::verdict::Time;

/// What each block of a namespace may hold, in memory that processes share; see the [module](super).
#[derive(Debug, Clone)]
pub struct Table {
    memory: Arc<Memory>,
    fills: Fills,
}

/// A writer: a process, or a worker, whose writes may be left behind together.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    table: Table,
    id: u32,
}

/// A write that is in flight, or about to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writing {
    slba: u64,
    blocks: u64,
    begin: u64,
    generation: u16,
    /// Whether blocks were left out.
    is_sparse: bool,
}

/// A read that is in flight, or about to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    begin: u64,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It completed with Successful Completion.
    Done,
    /// It failed, or was aborted, or nobody knows; it is no longer in flight.
    Maybe,
    /// The device never got to see it.
    NotSent,
}

impl Table {
    /// Makes a table in anonymous memory, of which only what is touched costs anything.
    ///
    /// # Errors
    ///
    /// Fails if the memory cannot be had; the error says how much was needed.
    pub fn anonymous(geometry: &Geometry) -> Result<Self, TableError> {
        Memory::anonymous(geometry).map(Self::new)
    }

    /// Opens the table in a file, or makes one there: it survives this process, and a power cycle of the device.
    ///
    /// # Errors
    ///
    /// Fails if another process has it, if it is that of something else, or if there is no room for it.
    pub fn open(path: &Path, geometry: &Geometry) -> Result<Self, TableError> {
        Memory::open(path, geometry).map(Self::new)
    }

    /// Maps the table that another process of the session has made, by the descriptor that it handed on.
    pub(crate) fn attach(file: File) -> Result<Self, TableError> {
        Memory::attach(file).map(Self::new)
    }

    fn new(memory: Memory) -> Self {
        let fills = Fills::new(memory.block(), memory.drb());
        Self { memory: Arc::new(memory), fills }
    }

    /// The file, for a process that is to share the table.
    pub(crate) fn file(&self) -> &File {
        self.memory.file()
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> u64 {
        self.memory.blocks()
    }

    /// The size of a block in bytes.
    pub fn block(&self) -> usize {
        self.memory.block()
    }

    /// How often a block was written by more at a time than there is room for, so that nothing is known of it.
    pub fn degraded(&self) -> u64 {
        self.memory.counts().0
    }

    /// How often a block was read and could not be judged, though it was written.
    pub fn unjudged(&self) -> u64 {
        self.memory.counts().1
    }

    /// Makes void what is known of all blocks.
    ///
    /// # Errors
    ///
    /// Fails when that has been done 65,535 times.
    pub fn forget_all(&self) -> Result<(), TableError> {
        self.memory.forget_all()
    }

    /// Makes a writer.
    pub(crate) fn writer(&self) -> Result<Writer, TableError> {
        Ok(Writer { table: self.clone(), id: self.memory.new_writer()? })
    }

    /// Declares a writer gone, whose queues no longer exist: what it had in flight is old or new.
    pub(crate) fn end_writer(&self, id: u32) {
        self.memory.end_writer(id, self.memory.tick());
    }

    #[inline]
    fn tag(&self, lba: u64, generation: u16) -> u64 {
        u64::from(generation) << 48 | (lba + 1)
    }

    #[inline]
    fn end_of(&self) -> impl Fn(u32) -> u64 {
        |id| self.memory.writer_end(id)
    }

    /// What a block holds if it is not written meanwhile, or [`Content::Unknown`].
    pub fn content(&self, lba: u64) -> Content {
        let generation = self.memory.generation();
        let (Some(main), Some(words)) = (self.memory.main(lba), self.memory.bucket(lba)) else {
            return Content::Unknown;
        };
        let word = Word::from_bits(main.load(Acquire), generation);
        if !word.has_record {
            return word.content;
        }
        let Some(bucket) = Bucket::lock(words) else { return Content::Unknown };
        let Some(record) = bucket.find(self.tag(lba, generation)) else {
            return Word::from_bits(main.load(Acquire), generation).content;
        };
        self.merged(&record).unwrap_or(Content::Unknown)
    }

    /// All that a block may hold now as one content, if there is one.
    fn merged(&self, record: &Record<'_, '_>) -> Option<Content> {
        let entries = record.entries(self.end_of());
        let mut contents = entries.candidates(u64::MAX).map(|(_, entry)| entry.content);
        let first = contents.next()?;
        contents.try_fold(first, |merged, content| self.fills.merge(merged, content))
    }

    /// Takes the record from its block, of which all writes are complete, and keeps what they left.
    fn settle(&self, record: &Record<'_, '_>, generation: u16) {
        let tag = record.tag();
        let lba = (tag & ((1 << 48) - 1)).saturating_sub(1);
        let entries = record.entries(self.end_of());
        let content = self.merged(record).unwrap_or_else(|| {
            self.memory.count_degraded();
            Content::Lost
        });
        // A read that began before the last write was complete may return what is dropped here.
        let last = entries.last_end();
        if lba < self.blocks()
            && let Some(main) = self.memory.main(lba)
        {
            main.store(Word::settled(content).bits(generation), Release);
        }
        entries.iter().for_each(|(number, _)| record.remove(*number, last));
        record.clear();
    }

    /// The record of a block that is about to be written, unless there is no room for one.
    fn record<'b, 't>(
        &self,
        bucket: &'b Bucket<'t>,
        main: &AtomicU64,
        lba: u64,
        generation: u16,
    ) -> Option<Record<'b, 't>> {
        let tag = self.tag(lba, generation);
        let word = Word::from_bits(main.load(Acquire), generation);
        let mark = || main.store(Word { has_record: true, ..word }.bits(generation), Release);
        if let Some(record) = bucket.find(tag) {
            if !word.has_record {
                mark();
            }
            return Some(record);
        }
        let is_void = |tag: u64| tag == 0 || (tag >> 48) as u16 != generation;
        let record = bucket.free(is_void).or_else(|| {
            let quiet = |record: &Record<'_, '_>| {
                let entries = record.entries(self.end_of());
                (!entries.is_in_flight()).then(|| entries.last_end())
            };
            let all = bucket.records().filter_map(|record| Some((quiet(&record)?, record)));
            let (_, oldest) = all.min_by_key(|(last, _)| *last)?;
            self.settle(&oldest, generation);
            Some(oldest)
        })?;
        record.clear();
        let base = Entry {
            content: word.content,
            writer: 0,
            maybe: false,
            begin: FIRST_STAMP,
            end: FIRST_STAMP,
        };
        record.add(&base);
        mark();
        record.name(tag);
        Some(record)
    }

    /// Adds a write that is about to be in flight.
    fn begin(
        &self,
        (main, words): (&AtomicU64, &[AtomicU64; BUCKET]),
        lba: u64,
        generation: u16,
        entry: &Entry,
    ) {
        let Some(bucket) = Bucket::lock(words) else { return };
        let word = Word::from_bits(main.load(Acquire), generation);
        if word.untracked == 0
            && let Some(record) = self.record(&bucket, main, lba, generation)
        {
            if record.add(entry) {
                return;
            }
            let entries = record.entries(self.end_of());
            let now = self.memory.now();
            for (number, old) in entries.iter() {
                if entries.is_superseded(old, now) {
                    record.remove(*number, now);
                }
            }
            if record.add(entry) {
                return;
            }
            // More at a time than there is room for: until all of them are complete, anything goes.
            let in_flight = entries.iter().filter(|(_, entry)| entry.end == 0).count() as u16;
            self.lose(main, generation, in_flight + 1);
            record.clear();
            return;
        }
        let untracked = word.untracked.saturating_add(1).min(Word::MOST_UNTRACKED);
        self.lose(main, generation, untracked);
    }

    /// Notes that anything goes while so many writers are in flight.
    fn lose(&self, main: &AtomicU64, generation: u16, untracked: u16) {
        self.memory.count_degraded();
        let word = Word { content: Content::Lost, has_record: false, untracked };
        main.store(word.bits(generation), Release);
    }

    /// Notes that somebody changes blocks, and will say neither which nor when: nothing that differs is judged any more.
    pub(crate) fn go_blind(&self) {
        self.memory.go_blind();
    }

    /// Notes that blocks are written by somebody who will not say when that is over: nothing is known of them until all
    /// is made void.
    pub(crate) fn lose_for_good(&self, range: Range<u64>) -> Result<(), TableError> {
        let generation = self.memory.generation();
        for lba in range.start..range.end.min(self.blocks()) {
            let (main, words) = self.memory.make(lba)?;
            let Some(bucket) = Bucket::lock(words) else { continue };
            if let Some(record) = bucket.find(self.tag(lba, generation)) {
                record.clear();
            }
            self.lose(main, generation, Word::MOST_UNTRACKED);
        }
        Ok(())
    }

    /// Notes that a write is no longer in flight.
    fn end(&self, lba: u64, writer: u32, writing: &Writing, outcome: Outcome, stamp: u64) {
        let Writing { begin, generation, is_sparse, .. } = *writing;
        let (Some(main), Some(words)) = (self.memory.main(lba), self.memory.bucket(lba)) else {
            return;
        };
        let Some(bucket) = Bucket::lock(words) else { return };
        if let Some(record) = bucket.find(self.tag(lba, generation)) {
            let entries = record.entries(|_| 0);
            let is_it = |entry: &Entry| entry.begin == begin && entry.writer == writer & 0xffff;
            let Some((number, entry)) = entries.iter().find(|(_, entry)| is_it(entry)) else {
                return;
            };
            if outcome == Outcome::NotSent {
                return record.remove(*number, 0);
            }
            // Deallocation is a hint (NVM 3.3.3.2.1).
            let maybe = outcome == Outcome::Maybe || entry.content == Content::Deallocated;
            return record.end(*number, &Entry { end: stamp, maybe, ..*entry });
        }
        let word = Word::from_bits(main.load(Acquire), generation);
        // A count that was too large to be kept stays, and so does one that may not have this write in it: then
        // nothing is known of the block until all is void.
        if !is_sparse && (1..Word::MOST_UNTRACKED).contains(&word.untracked) {
            let untracked = word.untracked - 1;
            main.store(Word { untracked, ..word }.bits(generation), Release);
        }
    }

    /// Looks whether a read that began at `begin` may have returned a block with this CRC32.
    #[inline]
    fn judge(&self, lba: u64, begin: u64, crc: u32) -> Result<(), Vec<Candidate>> {
        let generation = self.memory.generation();
        let Some(main) = self.memory.main(lba) else { return Ok(()) };
        let word = Word::from_bits(main.load(Acquire), generation);
        if !word.has_record && word.content != Content::Lost && self.fills.admit(word.content, crc)
        {
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
        let Some(bucket) = Bucket::lock(words) else { return unjudged() };
        let Some(record) = bucket.find(self.tag(lba, generation)) else {
            let content = Word::from_bits(main.load(Acquire), generation).content;
            if content == Content::Lost {
                return unjudged();
            }
            if self.fills.admit(content, crc) {
                return Ok(());
            }
            if begin < bucket.horizon() {
                return unjudged();
            }
            return Err(vec![Candidate { content, time: Time::Settled }]);
        };
        let entries = record.entries(self.end_of());
        let is_admitted = |entry: &Entry| self.fills.admit(entry.content, crc);
        if !entries.candidates(begin).any(|(_, entry)| is_admitted(entry)) {
            if begin < bucket.horizon() {
                return unjudged();
            }
            let time = |entry: &Entry| match entry {
                _ if entries.is_superseded(entry, begin) => Time::Past,
                Entry { end: 0, .. } => Time::InFlight,
                Entry { maybe: true, .. } => Time::Maybe,
                _ => Time::Settled,
            };
            let candidate = |(_, entry): &(usize, Entry)| Candidate {
                content: entry.content,
                time: time(entry),
            };
            return Err(entries.iter().map(candidate).collect());
        }
        if entries.candidates(begin).any(|(_, entry)| entry.content == Content::Lost) {
            return unjudged();
        }
        // The read settles what writes that overlapped each other have left.
        if entries.iter().all(|(_, entry)| entry.end != 0 && entry.end <= begin) {
            let last = entries.last_end();
            let is_left = |entry: &Entry| {
                let may_come = entry.content == Content::Deallocated;
                !entries.is_superseded(entry, begin) && (is_admitted(entry) || may_come)
            };
            // What was superseded goes, too: what superseded it may be among those that go.
            let has_choice = entries.candidates(begin).any(|(_, entry)| !is_left(entry));
            for (number, entry) in entries.iter().filter(|_| has_choice) {
                if !is_left(entry) {
                    record.remove(*number, last);
                }
            }
        }
        Ok(())
    }

    /// Refuses blocks that there are not.
    fn check(&self, slba: u64, blocks: u64) -> Result<(), TableError> {
        let all = self.blocks();
        if slba.checked_add(blocks).is_some_and(|end| end <= all) {
            return Ok(());
        }
        Err(TableError::Range(format!(
            "{blocks} blocks from LBA {slba:#x} on are not within the {all} of the namespace"
        )))
    }
}

impl Writer {
    /// Names the writer, for [`Table::end_writer`].
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// The writer that another process made for this one.
    pub(crate) fn with_id(table: Table, id: u32) -> Self {
        Self { table, id }
    }

    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// Notes that the blocks from `slba` on are about to be written: before the doorbell is rung.
    ///
    /// # Errors
    ///
    /// Fails if there are no such blocks, or no room; then nothing is noted, and the command is not to be sent.
    pub(crate) fn writing(
        &self,
        slba: u64,
        contents: impl ExactSizeIterator<Item = Content>,
    ) -> Result<Writing, TableError> {
        let Self { table, id } = self;
        let blocks = contents.len() as u64;
        table.check(slba, blocks)?;
        let generation = table.memory.generation();
        let begin = table.memory.tick();
        let writing = Writing { slba, blocks, begin, generation, is_sparse: false };
        for (lba, content) in (slba..).zip(contents) {
            let made = match table.memory.make(lba) {
                Ok(made) => made,
                Err(error) => {
                    self.written(Writing { blocks: lba - slba, ..writing }, Outcome::NotSent);
                    return Err(error);
                }
            };
            let entry = Entry { content, writer: *id, maybe: false, begin, end: 0 };
            table.begin(made, lba, generation, &entry);
        }
        Ok(writing)
    }

    /// As [`writing`](Self::writing), for blocks that all get the same, however many they are. Blocks of which nothing
    /// is known anyway may be left out.
    pub(crate) fn filling(
        &self,
        range: Range<u64>,
        content: Content,
        leave_unknown: bool,
    ) -> Result<Writing, TableError> {
        let Self { table, id } = self;
        let (slba, blocks) = (range.start, range.end.saturating_sub(range.start));
        table.check(slba, blocks)?;
        let generation = table.memory.generation();
        let begin = table.memory.tick();
        let mut writing = Writing { slba, blocks, begin, generation, is_sparse: false };
        let entry = Entry { content, writer: *id, maybe: false, begin, end: 0 };
        let mut lba = slba;
        while lba < range.end {
            let (end, is_present) = table.memory.blocks_of_chunk(lba);
            if leave_unknown && !is_present {
                (lba, writing.is_sparse) = (end, true);
                continue;
            }
            for lba in lba..end.min(range.end) {
                let made = match table.memory.make(lba) {
                    Ok(made) => made,
                    Err(error) => {
                        self.written(Writing { blocks: lba - slba, ..writing }, Outcome::NotSent);
                        return Err(error);
                    }
                };
                table.begin(made, lba, generation, &entry);
            }
            lba = end;
        }
        Ok(writing)
    }

    /// Notes what became of a write: after its completion was seen.
    pub(crate) fn written(&self, writing: Writing, outcome: Outcome) {
        let Self { table, id } = self;
        let Writing { slba, blocks, generation, .. } = writing;
        if generation != table.memory.generation() {
            // All was made void meanwhile.
            return;
        }
        let stamp = table.memory.tick();
        let (mut lba, end) = (slba, slba + blocks);
        while lba < end {
            let (next, is_present) = table.memory.blocks_of_chunk(lba);
            if is_present {
                (lba..next.min(end)).for_each(|lba| table.end(lba, *id, &writing, outcome, stamp));
            }
            lba = next;
        }
    }

    /// Notes that blocks are about to be read: before the doorbell is rung.
    #[inline]
    pub(crate) fn reading(&self) -> Reading {
        Reading { begin: self.table.memory.now() }
    }

    /// As [`reading`](Self::reading), and has what is known of the first block at hand when the read is done.
    #[inline]
    pub(crate) fn reading_from(&self, slba: u64) -> Reading {
        self.table.memory.fetch(slba);
        self.reading()
    }

    /// Prepares for much to be read and written.
    pub(crate) fn warm(&self) {
        self.table.memory.warm();
    }

    /// Looks at whole blocks that were read, the first of which is that at `slba`: after the completion was seen.
    ///
    /// # Errors
    ///
    /// Fails with the first that has what it cannot have.
    #[inline]
    pub(crate) fn read_blocks(
        &self,
        reading: Reading,
        slba: u64,
        data: &[u8],
    ) -> Result<(), Box<Miscompare>> {
        let Table { memory, .. } = &self.table;
        let generation = memory.generation();
        let mut blocks = data.chunks_exact(memory.block());
        let end = slba.saturating_add(blocks.len() as u64).min(memory.blocks());
        let mut lba = slba;
        while lba < end {
            let (next, is_present) = memory.blocks_of_chunk(lba);
            let next = next.min(end);
            for (lba, block) in (lba..next).zip(&mut blocks) {
                if !is_present {
                    // Nothing is known of it.
                    continue;
                }
                let crc = crc32fast::hash(block);
                // Most blocks are not being written, and one look at the word that such a block has says all.
                let settled = Word::settled(Content::Data(crc)).bits(generation);
                if memory.word(lba).load(Acquire) != settled {
                    self.judge(reading, lba, block, crc)?;
                }
            }
            lba = next;
        }
        Ok(())
    }

    /// Looks at a block that was read: after the completion was seen.
    ///
    /// # Errors
    ///
    /// Fails if it has what it cannot have.
    #[inline]
    pub(crate) fn read_block(
        &self,
        reading: Reading,
        lba: u64,
        block: &[u8],
    ) -> Result<(), Box<Miscompare>> {
        if self.table.blocks() <= lba {
            return Ok(());
        }
        self.judge(reading, lba, block, crc32fast::hash(block))
    }

    fn judge(
        &self,
        reading: Reading,
        lba: u64,
        block: &[u8],
        crc: u32,
    ) -> Result<(), Box<Miscompare>> {
        let judged = self.table.judge(lba, reading.begin, crc);
        judged.map_err(|candidates| Box::new(Miscompare::new(lba, block, crc, candidates)))
    }
}
