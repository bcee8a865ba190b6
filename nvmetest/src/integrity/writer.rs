//! Who writes and reads blocks, and tells the table.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::atomic::Ordering::Acquire;

use super::content::Content;
use super::content::Word;
use super::error::TableError;
use super::record::Entry;
use super::table::Table;
use super::verdict::Miscompare;
use super::verdict::Verdict;

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
    /// Whether the table cannot follow it in some of its blocks.
    is_untracked: bool,
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
        let table = &self.table;
        let blocks = contents.len() as u64;
        table.check(slba, blocks)?;
        let generation = table.memory.generation();
        let begin = table.memory.tick();
        let mut writing = Writing { slba, blocks, begin, generation, is_untracked: false };
        for (lba, content) in (slba..).zip(contents) {
            self.begin(&mut writing, lba, content)?;
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
        let table = &self.table;
        let (slba, blocks) = (range.start, range.end.saturating_sub(range.start));
        table.check(slba, blocks)?;
        let generation = table.memory.generation();
        let begin = table.memory.tick();
        let mut writing = Writing { slba, blocks, begin, generation, is_untracked: false };
        let mut lba = slba;
        while lba < range.end {
            let (end, is_present) = table.memory.blocks_of_chunk(lba);
            if leave_unknown && !is_present {
                lba = end;
                continue;
            }
            for lba in lba..end.min(range.end) {
                self.begin(&mut writing, lba, content)?;
            }
            lba = end;
        }
        Ok(writing)
    }

    /// Notes one block of a write; if that fails, the write is taken back.
    #[inline]
    fn begin(&self, writing: &mut Writing, lba: u64, content: Content) -> Result<(), TableError> {
        let Self { table, id } = self;
        let Writing { slba, begin, generation, .. } = *writing;
        let entry = Entry { content, writer: *id, maybe: false, begin, end: 0 };
        let begun = table
            .memory
            .make(lba)
            .and_then(|made| table.begin(made, lba, generation, &entry, &mut writing.is_untracked));
        begun.inspect_err(|_| {
            self.written(Writing { blocks: lba - slba, ..*writing }, Outcome::NotSent);
        })
    }

    /// Notes what became of a write: after its completion was seen.
    pub(crate) fn written(&self, writing: Writing, outcome: Outcome) {
        let Self { table, id } = self;
        let Writing { slba, blocks, begin, generation, is_untracked } = writing;
        if is_untracked {
            table.memory.count_untracked(*id, false);
        }
        if generation != table.memory.generation() {
            // All was made void meanwhile.
            return;
        }
        let stamp = table.memory.tick();
        let sent = (outcome != Outcome::NotSent).then_some(stamp);
        let maybe = outcome == Outcome::Maybe;
        let (mut lba, end) = (slba, slba + blocks);
        while lba < end {
            let (next, is_present) = table.memory.blocks_of_chunk(lba);
            if is_present {
                for lba in lba..next.min(end) {
                    table.end(lba, generation, (*id, begin), sent, maybe);
                }
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
        // Most blocks are not being written, and one look at the word that such a block has says all: it is this one,
        // with the CRC32 of the block above it.
        let settled = Word::settled(Content::Data(0)).bits(memory.generation());
        let (size, blocks) = (memory.block(), memory.blocks());
        let (mut lba, mut rest) = (slba, data);
        while lba < blocks && size <= rest.len() {
            let (end, is_present) = memory.blocks_of_chunk(lba);
            let end = end.min(blocks);
            if !is_present {
                // Nothing is known of them.
                rest = rest.get((end - lba) as usize * size..).unwrap_or_default();
                lba = end;
                continue;
            }
            for word in memory.words(lba..end) {
                let Some((block, others)) = rest.split_at_checked(size) else { return Ok(()) };
                let crc = self.table.crc(block);
                if word.load(Acquire) != settled | Word::of_crc(crc) {
                    self.judge(reading, lba, block, crc)?;
                }
                rest = others;
                lba += 1;
            }
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
        self.judge(reading, lba, block, self.table.crc(block))
    }

    /// Looks at whole blocks of which a comparison said that they are not what is there, the first of which is that at
    /// `slba`: after the completion was seen.
    ///
    /// # Errors
    ///
    /// Fails with the first block if each of them could only be what is there.
    pub(crate) fn compare_unequal<'b>(
        &self,
        reading: Reading,
        slba: u64,
        blocks: impl Iterator<Item = Cow<'b, [u8]>>,
    ) -> Result<(), Box<Miscompare>> {
        let mut first = None;
        for (lba, block) in (slba..).zip(blocks) {
            let crc = self.table.crc(&block);
            let Some(candidates) = self.table.is_certain(lba, reading.begin, crc) else {
                return Ok(());
            };
            first.get_or_insert_with(|| {
                let miscompare = Miscompare::new(lba, &block, crc, candidates);
                Box::new(Miscompare { verdict: Verdict::Equal, ..miscompare })
            });
        }
        first.map_or(Ok(()), Err)
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
