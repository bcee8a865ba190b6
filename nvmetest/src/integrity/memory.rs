//! The memory of a table: where what stands, and that it is there before it is touched.

use std::fs::File;
use std::hint::black_box;
use std::ops::Range;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::AcqRel;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;

use crate::memory::PAGE_SIZE;
use crate::memory::Words;

use super::bucket::Bucket;
use super::error::TableError;
use super::error::failed;
use super::place::BUCKET;
use super::place::CHUNK;
use super::place::Geometry;
use super::place::NODE;
use super::place::Place;
use super::place::WORD;
use super::place::WRITERS;
use super::place::buckets_of;
use super::place::header;
use super::place::nodes_of;
use super::place::place_of;

/// So many bytes of a table are mapped beforehand, at the most: it takes a moment.
const MOST_WARM: usize = 256 << 20;

const MAGIC: u64 = u64::from_le_bytes(*b"nvmetblT");
const VERSION: u64 = 3;
/// The longest identity, in bytes.
const IDENTITY: usize = 128;

/// The mapped file of a table.
#[derive(Debug)]
pub(super) struct Memory {
    words: Words,
    path: Option<PathBuf>,
    blocks: u64,
    block: usize,
    drb: u8,
    buckets: u64,
    nodes: u64,
    /// What was superseded is kept for so long, in stamps.
    age: u64,
    place: Place,
}

/// For so long it is kept what a read may return that is in flight: 16 workers have 1024 commands each, and a write
/// takes two stamps, which are two apart.
const AGE: u64 = 16 * 1024 * 2 * TICK;

impl Memory {
    pub(super) fn anonymous(geometry: &Geometry) -> Result<Self, TableError> {
        let place = place_of(geometry)?;
        let words = Words::anonymous(c"nvmetest integrity", place.end);
        let words = words.map_err(|why| failed("make", None, place.end, why))?;
        Self::fresh(words, None, geometry, place)
    }

    /// Opens the table in a file, or makes one there. This process has it alone, with those to which it hands the
    /// descriptor on.
    pub(super) fn open(path: &Path, geometry: &Geometry) -> Result<Self, TableError> {
        let place = place_of(geometry)?;
        let named = || Some(path.to_owned());
        let options =
            File::options().read(true).write(true).create(true).truncate(false).open(path);
        let file = options.map_err(|why| failed("open", named(), place.end, why))?;
        file.try_lock().map_err(|why| failed("lock", named(), place.end, why.into()))?;
        let len = file.metadata().map_err(|why| failed("open", named(), place.end, why))?.len();
        if len == 0 {
            let grown = file.set_len(place.end as u64);
            grown.map_err(|why| failed("make", named(), place.end, why))?;
            let words = Words::of(file, place.end);
            let words = words.map_err(|why| failed("map", named(), place.end, why))?;
            let fresh = Self::fresh(words, named(), geometry, place);
            if fresh.is_err() {
                // What is half made would be taken for a table that is damaged.
                _ = std::fs::remove_file(path);
            }
            return fresh;
        }
        let foreign = |why: String| TableError::Foreign { path: path.to_owned(), why };
        if len != place.end as u64 {
            return Err(foreign(format!("it has {len} bytes, and {} are needed", place.end)));
        }
        let words = Words::of(file, place.end);
        let words = words.map_err(|why| failed("map", named(), place.end, why))?;
        let memory = Self::new(words, named(), geometry, place);
        memory.check(geometry).map_err(foreign)?;
        memory.take_over();
        Ok(memory)
    }

    /// Maps the table that another process of the session has made.
    pub(super) fn attach(file: File) -> Result<Self, TableError> {
        let len = file.metadata().map_err(|why| failed("attach", None, 0, why))?.len() as usize;
        let words = Words::of(file, len).map_err(|why| failed("attach", None, len, why))?;
        let foreign = |why: String| TableError::Foreign { path: "the inherited file".into(), why };
        if len < header::LEN || words.at(header::MAGIC).load(Acquire) != MAGIC {
            return Err(foreign("it does not start as one".to_owned()));
        }
        let read = |at| words.at(at).load(Relaxed);
        let geometry = Geometry {
            block: read(header::BLOCK) as usize,
            blocks: read(header::BLOCKS),
            drb: read(header::DRB) as u8,
            identity: String::new(),
        };
        let place = place_of(&geometry)?;
        if place.end != len {
            return Err(foreign(format!("it has {len} bytes, and {} are needed", place.end)));
        }
        Ok(Self::new(words, None, &geometry, place))
    }

    fn new(words: Words, path: Option<PathBuf>, geometry: &Geometry, place: Place) -> Self {
        let Geometry { block, blocks, drb, .. } = *geometry;
        let (buckets, nodes) = (buckets_of(blocks), nodes_of(blocks));
        Self { words, path, blocks, block, drb, buckets, nodes, age: AGE, place }
    }

    fn fresh(
        words: Words,
        path: Option<PathBuf>,
        geometry: &Geometry,
        place: Place,
    ) -> Result<Self, TableError> {
        let memory = Self::new(words, path, geometry, place);
        memory.reserve(0, place.buckets)?;
        let write = |at, value| memory.words.at(at).store(value, Relaxed);
        write(header::VERSION, VERSION);
        write(header::BLOCK, geometry.block as u64);
        write(header::BLOCKS, geometry.blocks);
        write(header::DRB, geometry.drb.into());
        write(header::CLOCK, TICK);
        write(header::NEXT_NODE, 1);
        write(header::NEXT_WRITER, 1);
        for (word, at) in identity_words(&geometry.identity).into_iter().zip((0..).step_by(WORD)) {
            write(header::IDENTITY + at, word);
        }
        // Last, so that a table that is half made is none.
        memory.words.at(header::MAGIC).store(MAGIC, Release);
        Ok(memory)
    }

    /// Compares the header of a file with what it is to be the table of.
    fn check(&self, geometry: &Geometry) -> Result<(), String> {
        let read = |at| self.words.at(at).load(Acquire);
        if read(header::MAGIC) != MAGIC {
            return Err("it does not start as one".to_owned());
        }
        let version = read(header::VERSION);
        if version != VERSION {
            return Err(format!("it has version {version}, and this program writes {VERSION}"));
        }
        let (block, blocks) = (read(header::BLOCK), read(header::BLOCKS));
        if (block, blocks) != (geometry.block as u64, geometry.blocks) {
            return Err(format!(
                "it is for {blocks} blocks of {block} bytes, and the namespace has {} of {}",
                geometry.blocks, geometry.block
            ));
        }
        let words: Vec<u64> =
            (0..IDENTITY).step_by(WORD).map(|at| read(header::IDENTITY + at)).collect();
        if words != identity_words(&geometry.identity) {
            let bytes: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
            let other = String::from_utf8_lossy(&bytes);
            return Err(format!(
                "it is that of {:?}, and the namespace is {:?}",
                other.trim_end_matches('\0'),
                geometry.identity
            ));
        }
        self.words.at(header::DRB).store(geometry.drb.into(), Relaxed);
        Ok(())
    }

    /// Ends everybody who used the table before: nobody else has the file now.
    fn take_over(&self) {
        let now = self.tick();
        let writers = self.words.at(header::NEXT_WRITER).load(Relaxed).min(WRITERS);
        for id in 1..writers {
            self.end_writer(id as u32, now);
        }
        for bucket in 0..self.buckets {
            let at = self.bucket_at(bucket);
            if self.is_present(at) {
                Bucket::break_lock(self.words.array(at));
            }
        }
    }

    pub(super) fn file(&self) -> &File {
        self.words.file()
    }

    pub(super) fn blocks(&self) -> u64 {
        self.blocks
    }

    pub(super) fn block(&self) -> usize {
        self.block
    }

    pub(super) fn drb(&self) -> u8 {
        self.drb
    }

    /// The stamp of the latest event.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.words.at(header::CLOCK).load(Acquire)
    }

    /// A stamp for an event, which no other has.
    #[inline]
    pub(super) fn tick(&self) -> u64 {
        self.words.at(header::CLOCK).fetch_add(TICK, AcqRel) + TICK
    }

    #[inline]
    pub(super) fn generation(&self) -> u16 {
        self.words.at(header::GENERATION).load(Acquire) as u16
    }

    /// Makes void what is known of all blocks.
    pub(super) fn forget_all(&self) -> Result<(), TableError> {
        let before = self.words.at(header::GENERATION).fetch_add(1, AcqRel);
        if before < u16::MAX.into() {
            return Ok(());
        }
        self.words.at(header::GENERATION).store(u16::MAX.into(), Relaxed);
        Err(TableError::UsedUp(format!("{} formats and the like", u16::MAX)))
    }

    pub(super) fn new_writer(&self) -> Result<u32, TableError> {
        let id = self.words.at(header::NEXT_WRITER).fetch_add(1, Relaxed);
        if id < WRITERS {
            return Ok(id as u32);
        }
        self.words.at(header::NEXT_WRITER).store(WRITERS, Relaxed);
        Err(TableError::UsedUp(format!("{WRITERS} writers")))
    }

    /// When a writer was declared gone; zero if it was not.
    #[inline]
    pub(super) fn writer_end(&self, id: u32) -> u64 {
        let word = self.writer_word(id).load(Acquire);
        if word & UNTRACKED != 0 { 0 } else { word }
    }

    pub(super) fn end_writer(&self, id: u32, at: u64) {
        // The first end counts: it may have been used already.
        self.update_writer(id, |word| is_live(word).then_some(at));
    }

    /// A writer has one more, or one less, command in flight that the table cannot follow.
    pub(super) fn count_untracked(&self, id: u32, is_more: bool) {
        self.update_writer(id, |word| {
            let count = word & !UNTRACKED;
            let count = if is_more { count + 1 } else { count.saturating_sub(1) };
            is_live(word).then_some(if count == 0 { 0 } else { UNTRACKED | count })
        });
    }

    /// Whether any writer that lives has a command in flight that the table cannot follow.
    pub(super) fn has_untracked(&self) -> bool {
        let writers = self.words.at(header::NEXT_WRITER).load(Acquire).min(WRITERS);
        (0..writers).any(|id| self.writer_word(id as u32).load(Acquire) & UNTRACKED != 0)
    }

    #[inline]
    fn writer_word(&self, id: u32) -> &AtomicU64 {
        self.words.at(header::LEN + id as usize % WRITERS as usize * WORD)
    }

    fn update_writer(&self, id: u32, update: impl Fn(u64) -> Option<u64>) {
        _ = self.writer_word(id).fetch_update(AcqRel, Acquire, update);
    }

    /// From now on no block is judged.
    pub(super) fn go_blind(&self) {
        self.words.at(header::BLIND).store(1, Release);
    }

    pub(super) fn is_blind(&self) -> bool {
        self.words.at(header::BLIND).load(Acquire) != 0
    }

    pub(super) fn count_degraded(&self) {
        self.words.at(header::DEGRADED).fetch_add(1, Relaxed);
    }

    pub(super) fn count_unjudged(&self) {
        self.words.at(header::UNJUDGED).fetch_add(1, Relaxed);
    }

    /// How often nothing was known of a block, and how often a read could not be judged.
    pub(super) fn counts(&self) -> (u64, u64) {
        let read = |at| self.words.at(at).load(Relaxed);
        (read(header::DEGRADED), read(header::UNJUDGED))
    }

    /// The bucket of a block. Those of blocks that follow each other do, too.
    #[inline]
    fn bucket_of(&self, lba: u64) -> u64 {
        (lba ^ (lba >> 16).wrapping_mul(0x9e37_79b9)) & (self.buckets - 1)
    }

    #[inline]
    fn bucket_at(&self, bucket: u64) -> usize {
        self.place.buckets + bucket as usize * BUCKET * WORD
    }

    #[inline]
    fn main_at(&self, lba: u64) -> usize {
        self.place.main + lba as usize * WORD
    }

    /// The word of a block, if anybody has told the table of one near to it.
    #[inline]
    pub(super) fn main(&self, lba: u64) -> Option<&AtomicU64> {
        let at = self.main_at(lba);
        self.is_present(at).then(|| self.words.at(at))
    }

    /// As [`main`](Self::main), of some blocks of one [piece](Self::blocks_of_chunk) that is there.
    #[inline]
    pub(super) fn words(&self, blocks: Range<u64>) -> &[AtomicU64] {
        let count = blocks.end.saturating_sub(blocks.start);
        self.words.slice(self.main_at(blocks.start), count as usize)
    }

    /// The words of the bucket of a block, if any block of it was written.
    #[inline]
    pub(super) fn bucket(&self, lba: u64) -> Option<&[AtomicU64; BUCKET]> {
        let at = self.bucket_at(self.bucket_of(lba));
        self.is_present(at).then(|| self.words.array(at))
    }

    /// As [`main`](Self::main) and [`bucket`](Self::bucket), after there is room for both.
    #[inline]
    pub(super) fn make(&self, lba: u64) -> Result<(&AtomicU64, &[AtomicU64; BUCKET]), TableError> {
        let (main, bucket) = (self.main_at(lba), self.bucket_at(self.bucket_of(lba)));
        self.ensure(main)?;
        self.ensure(bucket)?;
        Ok((self.words.at(main), self.words.array(bucket)))
    }

    /// A node of the pool, by its number; zero is none.
    #[inline]
    pub(super) fn node(&self, index: u64) -> Option<&[AtomicU64; NODE]> {
        (0 < index && index < self.nodes).then(|| self.words.array(self.node_at(index)))
    }

    #[inline]
    fn node_at(&self, index: u64) -> usize {
        self.place.nodes + index as usize * NODE * WORD
    }

    pub(super) fn nodes(&self) -> u64 {
        self.nodes
    }

    /// Takes a node from the pool, if there is one; `next` is the word of a node in which the pool keeps its own link.
    ///
    /// # Errors
    ///
    /// Fails if there is no memory for it.
    pub(super) fn take_node(&self, next: usize) -> Result<Option<u64>, TableError> {
        let free = self.words.at(header::FREE_NODES);
        loop {
            let head = free.load(Acquire);
            let Some(node) = self.node(head & NODE_NUMBER) else { break };
            let changed = Self::change(head, node[next].load(Relaxed));
            if free.compare_exchange(head, changed, AcqRel, Relaxed).is_ok() {
                return Ok(Some(head & NODE_NUMBER));
            }
        }
        let fresh = self.words.at(header::NEXT_NODE);
        loop {
            let index = fresh.load(Acquire);
            if self.nodes <= index {
                return Ok(None);
            }
            self.ensure(self.node_at(index))?;
            if fresh.compare_exchange(index, index + 1, AcqRel, Relaxed).is_ok() {
                return Ok(Some(index));
            }
        }
    }

    /// Gives a node back, to which nothing leads any more.
    pub(super) fn give_node(&self, index: u64, next: usize) {
        let (free, Some(node)) = (self.words.at(header::FREE_NODES), self.node(index)) else {
            return;
        };
        loop {
            let head = free.load(Acquire);
            node[next].store(head & NODE_NUMBER, Relaxed);
            let changed = Self::change(head, index);
            if free.compare_exchange(head, changed, AcqRel, Relaxed).is_ok() {
                return;
            }
        }
    }

    /// Another node is the first that is free. No such word comes twice: who was interrupted finds out.
    fn change(head: u64, to: u64) -> u64 {
        (head & !NODE_NUMBER).wrapping_add(NODE_NUMBER + 1) | to & NODE_NUMBER
    }

    /// A stamp before which what was superseded is forgotten.
    pub(super) fn old(&self) -> u64 {
        self.now().saturating_sub(self.age)
    }

    /// Has few buckets, and forgets soon.
    #[cfg(test)]
    pub(super) fn squeeze(&mut self, buckets: u64, age: u64, nodes: u64) {
        assert!(buckets.is_power_of_two() && buckets <= self.buckets && nodes <= self.nodes);
        (self.buckets, self.age, self.nodes) = (buckets, age, nodes);
    }

    /// The blocks from `lba` on whose words share a piece of the file, which may be a hole: where they end, and whether the
    /// piece is there.
    #[inline]
    pub(super) fn blocks_of_chunk(&self, lba: u64) -> (u64, bool) {
        let at = self.main_at(lba);
        let end = (at / CHUNK + 1) * CHUNK;
        (lba + ((end - at) / WORD) as u64, self.is_present(at))
    }

    #[inline]
    fn bit(&self, at: usize) -> (usize, u64) {
        let chunk = (at - self.place.buckets) / CHUNK;
        (self.place.present + chunk / 64 * WORD, 1 << (chunk % 64))
    }

    #[inline]
    fn is_present(&self, at: usize) -> bool {
        let (word, bit) = self.bit(at);
        self.words.at(word).load(Acquire) & bit != 0
    }

    /// Has the kernel map the pieces that are there now, and not while commands are timed: first those of the words of
    /// blocks, which each read looks at.
    pub(super) fn warm(&self) {
        let Place { buckets, main, end, .. } = self.place;
        let pieces = (main..end).step_by(CHUNK).chain((buckets..main).step_by(CHUNK));
        for piece in pieces.filter(|piece| self.is_present(*piece)).take(MOST_WARM / CHUNK) {
            for page in (piece..piece + CHUNK).step_by(PAGE_SIZE) {
                black_box(self.words.at(page).load(Relaxed));
            }
        }
    }

    /// Has the processor bring the word of a block nearer.
    #[inline]
    pub(super) fn fetch(&self, lba: u64) {
        if lba < self.blocks {
            self.words.prefetch(self.main_at(lba));
        }
    }

    /// Reserves the piece of the file around `at`: to touch a hole without room for it is a signal, and no error.
    #[inline]
    fn ensure(&self, at: usize) -> Result<(), TableError> {
        if self.is_present(at) {
            return Ok(());
        }
        self.add_chunk(at)
    }

    #[cold]
    fn add_chunk(&self, at: usize) -> Result<(), TableError> {
        self.reserve(at / CHUNK * CHUNK, CHUNK)?;
        let (word, bit) = self.bit(at);
        self.words.at(word).fetch_or(bit, Release);
        Ok(())
    }

    fn reserve(&self, at: usize, len: usize) -> Result<(), TableError> {
        self.words.reserve(at, len).map_err(|why| TableError::NoRoom {
            path: self.path.clone(),
            needed: len,
            at,
            total: self.place.end,
            why,
        })
    }
}

/// What is there from the beginning has this stamp.
pub(super) const FIRST_STAMP: u64 = 1;
/// In the word of a writer that lives: so many of its commands the table cannot follow. That of one that was declared
/// gone has the stamp of it.
const UNTRACKED: u64 = 1 << 63;

fn is_live(word: u64) -> bool {
    word == 0 || word & UNTRACKED != 0
}

/// The part of a word that has the number of a node.
const NODE_NUMBER: u64 = (1 << 32) - 1;

/// From one stamp to the next: what a read settles stands between two.
const TICK: u64 = 2;

fn identity_words(identity: &str) -> Vec<u64> {
    let mut bytes = [0; IDENTITY];
    let len = identity.len().min(IDENTITY);
    bytes[..len].copy_from_slice(&identity.as_bytes()[..len]);
    let word = |bytes: &[u8]| u64::from_le_bytes(std::array::from_fn(|at| bytes[at]));
    bytes.chunks_exact(WORD).map(word).collect()
}
