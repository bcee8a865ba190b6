//! The table: what each block may hold.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;

use crc32fast::Hasher;

use super::bucket::Bucket;
use super::content::Content;
use super::content::Fills;
use super::content::Word;
use super::error::TableError;
use super::memory::Memory;
use super::place::Geometry;
use super::writer::Writer;

/// What each block of a namespace may hold, in memory that processes share; see the [module](super).
#[derive(Debug, Clone)]
pub struct Table {
    pub(super) memory: Arc<Memory>,
    pub(super) fills: Fills,
    /// A CRC32 of nothing, with which each begins: what the processor has for it was found out already.
    begun: Hasher,
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

    /// Has few buckets, forgets soon, and has a small pool.
    #[cfg(test)]
    pub(super) fn squeeze(&mut self, buckets: u64, age: u64, nodes: u64) {
        Arc::get_mut(&mut self.memory).unwrap().squeeze(buckets, age, nodes);
    }

    /// Maps the table that another process of the session has made, by the descriptor that it handed on.
    pub(crate) fn attach(file: File) -> Result<Self, TableError> {
        Memory::attach(file).map(Self::new)
    }

    fn new(memory: Memory) -> Self {
        let fills = Fills::new(memory.block(), memory.drb());
        Self { memory: Arc::new(memory), fills, begun: Hasher::new() }
    }

    /// The CRC32 of a block.
    #[inline(always)]
    pub(crate) fn crc(&self, block: &[u8]) -> u32 {
        let mut hasher = self.begun.clone();
        hasher.update(block);
        hasher.finalize()
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
        Ok(Writer::with_id(self.clone(), self.memory.new_writer()?))
    }

    /// Declares a writer gone, whose queues no longer exist: what it had in flight is old or new.
    pub(crate) fn end_writer(&self, id: u32) {
        self.memory.end_writer(id, self.memory.tick());
    }

    /// What a block holds if it is not written meanwhile, or [`Content::Unknown`].
    pub fn content(&self, lba: u64) -> Content {
        let generation = self.memory.generation();
        let (Some(main), Some(words)) = (self.memory.main(lba), self.memory.bucket(lba)) else {
            return Content::Unknown;
        };
        let word = || Word::from_bits(main.load(Acquire), generation);
        if !word().has_record {
            return word().content;
        }
        let Ok(bucket) = Bucket::lock(&self.memory, words) else { return Content::Unknown };
        let Some(record) = self.find(&bucket, lba, generation) else { return word().content };
        self.merged(&record).unwrap_or(Content::Unknown)
    }

    /// Notes that somebody changes blocks, and will say neither which nor when: nothing that differs is judged any more.
    pub(crate) fn go_blind(&self) {
        self.memory.go_blind();
    }

    /// Refuses blocks that there are not.
    pub(super) fn check(&self, slba: u64, blocks: u64) -> Result<(), TableError> {
        let all = self.blocks();
        if slba.checked_add(blocks).is_some_and(|end| end <= all) {
            return Ok(());
        }
        Err(TableError::Range(format!(
            "{blocks} blocks from LBA {slba:#x} on are not within the {all} of the namespace"
        )))
    }
}
