//! What a worker notes of its commands where data is verified: see [`integrity`](crate::integrity).

use std::borrow::Cow;

use crate::integrity::Content;
use crate::integrity::Miscompare;
use crate::integrity::Outcome;
use crate::integrity::Reading;
use crate::integrity::Stamp;
use crate::integrity::TableError;
use crate::integrity::Writer;
use crate::integrity::Writing;
use crate::ioworker::workload::Operation;
use crate::spec::Status;

/// The blocks that a command names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named {
    pub(super) operation: Operation,
    pub(super) slba: u64,
    pub(super) blocks: u32,
}

/// Tells the table of the namespace what the worker does.
#[derive(Debug)]
pub(super) struct Verifier {
    writer: Writer,
    seed: u64,
    /// When what is in flight began that reads, by slot.
    reads: Box<[Reading]>,
    /// What is in flight that writes, by slot.
    writes: Box<[Option<Writing>]>,
    /// The blocks of the write that is about to be submitted.
    contents: Vec<Content>,
}

impl Verifier {
    pub(super) fn new(writer: Writer, seed: u64, depth: usize) -> Self {
        let reads = vec![writer.reading(); depth].into();
        Self { writer, seed, reads, writes: vec![None; depth].into(), contents: Vec::new() }
    }

    /// Has a block say whose it is, which is about to be written, and notes what it holds. Returns its CRC32.
    pub(super) fn stamp(&mut self, block: &mut [u8], lba: u64, version: u64) -> u32 {
        // Version 0 is that of a block that nobody wrote.
        let (writer, seed) = (self.writer.id(), self.seed);
        Stamp { lba, version: version + 1, writer, seed }.write(block);
        let crc = self.writer.table().crc(block);
        self.contents.push(Content::Data(crc));
        crc
    }

    /// Notes a command before its doorbell is rung.
    ///
    /// # Errors
    ///
    /// Fails if there is no room to note it; then it must not be sent.
    pub(super) fn submit(&mut self, slot: u16, command: Named) -> Result<(), TableError> {
        let Named { operation, slba, blocks } = command;
        let range = slba..slba + u64::from(blocks);
        let fill = |content, leave_unknown| self.writer.filling(range, content, leave_unknown);
        let writing = match operation {
            Operation::Read | Operation::Compare => {
                self.submit_read(slot, slba);
                return Ok(());
            }
            Operation::Write => self.writer.writing(slba, self.contents.drain(..))?,
            Operation::WriteZeroes => fill(Content::Zeroes, false)?,
            Operation::WriteUncorrectable => fill(Content::Uncorrectable, false)?,
            Operation::DatasetManagement => fill(Content::Deallocated, true)?,
            Operation::Flush | Operation::Verify => return Ok(()),
        };
        self.writes[usize::from(slot)] = Some(writing);
        Ok(())
    }

    /// As [`submit`](Self::submit) for a Read, of which there is nothing to have room for.
    #[inline(always)]
    pub(super) fn submit_read(&mut self, slot: u16, slba: u64) {
        self.reads[usize::from(slot)] = self.writer.reading_from(slba);
    }

    /// Looks at a command whose completion was seen, and at the data of the blocks that it transferred.
    ///
    /// # Errors
    ///
    /// Fails with the first block that was read and has what it cannot have. What a Compare compared with, and was found
    /// to be there, is as good as read.
    #[inline(always)]
    pub(super) fn complete(
        &mut self,
        slot: u16,
        (operation, slba): (Operation, u64),
        status: Status,
        data: &[u8],
    ) -> Result<(), Box<Miscompare>> {
        match operation {
            Operation::Read | Operation::Compare if status.is_success() => {
                self.writer.read_blocks(self.reads[usize::from(slot)], slba, data)
            }
            _ => self.complete_other(slot, (operation, slba), status, data),
        }
    }

    fn complete_other(
        &mut self,
        slot: u16,
        (operation, slba): (Operation, u64),
        status: Status,
        data: &[u8],
    ) -> Result<(), Box<Miscompare>> {
        let slot = usize::from(slot);
        if operation == Operation::Compare && status == Status::COMPARE_FAILURE {
            let blocks = data.chunks_exact(self.writer.table().block()).map(Cow::Borrowed);
            return self.writer.compare_unequal(self.reads[slot], slba, blocks);
        }
        if let Some(writing) = self.writes[slot].take() {
            let outcome = if status.is_success() { Outcome::Done } else { Outcome::Maybe };
            self.writer.written(writing, outcome);
        }
        Ok(())
    }
}
