//! The memory of a table: where what stands, and that it is there before it is touched.

use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::AcqRel;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;

use crate::memory::Words;

/// Memory is reserved in pieces of so many bytes: what is touched costs no more than this around it.
const CHUNK: usize = 16 << 10;
const WORD: usize = 8;
/// The words of a bucket.
pub(super) const BUCKET: usize = 128;
/// No table has more buckets; they are spread over all blocks.
const MOST_BUCKETS: u64 = 1 << 16;
/// So many writers a table can tell apart in its life.
const WRITERS: u64 = 1 << 16;

const MAGIC: u64 = u64::from_le_bytes(*b"nvmetblT");
const VERSION: u64 = 1;
/// The longest identity, in bytes.
const IDENTITY: usize = 128;

/// Byte offsets in the first page. What is written all the time stands in lines of its own.
mod header {
    pub(super) const MAGIC: usize = 0;
    pub(super) const VERSION: usize = 8;
    pub(super) const BLOCK: usize = 16;
    pub(super) const BLOCKS: usize = 24;
    pub(super) const DRB: usize = 32;
    pub(super) const NEXT_WRITER: usize = 40;
    pub(super) const IDENTITY: usize = 128;
    pub(super) const GENERATION: usize = 512;
    pub(super) const CLOCK: usize = 1024;
    pub(super) const DEGRADED: usize = 1536;
    pub(super) const UNJUDGED: usize = 1544;
    pub(super) const BLIND: usize = 1552;
    pub(super) const LEN: usize = 4096;
}

/// What a table is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Geometry {
    /// The size of a logical block in bytes.
    pub block: usize,
    /// How many logical blocks there are.
    pub blocks: u64,
    /// DLFEAT.DRB: what a deallocated block reads as (NVM 4.1.5.1).
    pub drb: u8,
    /// Whose blocks they are: NGUID, EUI64, or serial number and NSID. 128 bytes of it count.
    pub identity: String,
}

/// Why there is no table, or no room in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// There is no room for what is about to be written.
    #[error(
        "no room for the integrity table{}: {needed} bytes more were needed at {at:#x} of {total}: {why}; free that \
         much, or choose a file elsewhere", of_path(.path)
    )]
    NoRoom {
        /// The file, if it has a name.
        path: Option<PathBuf>,
        /// How many bytes were asked for.
        needed: usize,
        /// Where in the file.
        at: usize,
        /// How many bytes the table has when all blocks were touched.
        total: usize,
        /// What the kernel says.
        why: io::Error,
    },
    /// The file cannot be made, opened or mapped.
    #[error("cannot {what} the integrity table{} of {total} bytes, most of them a hole: {why}", of_path(.path))]
    File {
        /// What was tried.
        what: &'static str,
        /// The file, if it has a name.
        path: Option<PathBuf>,
        /// Its length.
        total: usize,
        /// What the kernel says.
        why: io::Error,
    },
    /// The file is no table, or that of something else.
    #[error("{} is no integrity table for this namespace: {why}; remove it, or choose another file", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// How it differs.
        why: String,
    },
    /// Blocks that the namespace does not have, or too many of them.
    #[error("{0}")]
    Range(String),
    /// The table has been used up.
    #[error("the integrity table has had {0}, and cannot tell more apart: start a new one")]
    UsedUp(String),
}

fn of_path(path: &Option<PathBuf>) -> String {
    path.as_ref().map_or_else(String::new, |path| format!(" {}", path.display()))
}

/// The mapped file of a table.
#[derive(Debug)]
pub(super) struct Memory {
    words: Words,
    path: Option<PathBuf>,
    blocks: u64,
    block: usize,
    drb: u8,
    buckets: u64,
    place: Place,
}

/// Where the parts of a file start, in bytes.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// A bit for each chunk: whether it was reserved.
    present: usize,
    buckets: usize,
    main: usize,
    end: usize,
}

impl Place {
    fn of(blocks: u64) -> Option<Self> {
        let align = |at: usize| at.checked_next_multiple_of(CHUNK);
        let present = header::LEN + WRITERS as usize * WORD;
        let main_len = usize::try_from(blocks).ok()?.checked_mul(WORD)?;
        let buckets_len = buckets_of(blocks) as usize * BUCKET * WORD;
        let chunks = (main_len.checked_add(buckets_len)?).div_ceil(CHUNK) + 2;
        let buckets = align(present + chunks.div_ceil(64) * WORD)?;
        let main = align(buckets + buckets_len)?;
        Some(Self { present, buckets, main, end: align(main.checked_add(main_len)?)? })
    }
}

fn buckets_of(blocks: u64) -> u64 {
    blocks.next_power_of_two().clamp(1, MOST_BUCKETS)
}

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
        Self { words, path, blocks, block, drb, buckets: buckets_of(blocks), place }
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
        write(header::CLOCK, FIRST_STAMP);
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
                // Word 0 is the lock; whoever had it is gone.
                self.words.at(at).store(0, Relaxed);
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
        self.words.at(header::CLOCK).fetch_add(1, AcqRel) + 1
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
        self.words.at(header::LEN + id as usize % WRITERS as usize * WORD).load(Acquire)
    }

    pub(super) fn end_writer(&self, id: u32, at: u64) {
        let word = self.words.at(header::LEN + id as usize % WRITERS as usize * WORD);
        // The first end counts: it may have been used already.
        _ = word.compare_exchange(0, at, AcqRel, Relaxed);
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

    /// The blocks from `lba` on whose words share a piece of the file, which may be a hole.
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

/// Who holds the lock of a bucket: this process.
pub(super) fn this_process() -> u64 {
    process::id().into()
}

fn place_of(geometry: &Geometry) -> Result<Place, TableError> {
    let Geometry { block, blocks, .. } = *geometry;
    // A record names its block in 47 bits.
    let place = Place::of(blocks).filter(|_| 0 < blocks && blocks < 1 << 47);
    place.ok_or_else(|| {
        TableError::Range(format!(
            "{blocks} blocks of {block} bytes are nothing that a table can be for"
        ))
    })
}

fn identity_words(identity: &str) -> Vec<u64> {
    let mut bytes = [0; IDENTITY];
    let len = identity.len().min(IDENTITY);
    bytes[..len].copy_from_slice(&identity.as_bytes()[..len]);
    let word = |bytes: &[u8]| u64::from_le_bytes(std::array::from_fn(|at| bytes[at]));
    bytes.chunks_exact(WORD).map(word).collect()
}

fn failed(what: &'static str, path: Option<PathBuf>, total: usize, why: io::Error) -> TableError {
    TableError::File { what, path, total, why }
}
