//! What a worker notes of its commands where its namespace has a durability record: see
//! [`durability`](crate::durability).

use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::durability::Begun;
use crate::durability::JournalError;
use crate::durability::Lane;
use crate::integrity::Content;
use crate::integrity::Outcome;
use crate::ioworker::workload::Operation;

use super::Named;

/// How often it is looked whether there is room again.
const LOOK_EVERY: Duration = Duration::from_micros(100);

/// Tells the record of the namespace what the worker does.
#[derive(Debug)]
pub(super) struct Recording {
    lane: Lane,
    /// What is in flight, by slot.
    begun: Vec<Option<Begun>>,
    /// The blocks of the write that is about to be submitted.
    contents: Vec<Content>,
    /// For how long it is waited for room.
    patience: Duration,
}

impl Recording {
    pub(super) fn new(lane: Lane, depth: usize, timeout_ns: u64) -> Self {
        let patience = Duration::from_nanos(timeout_ns);
        Self { lane, begun: vec![None; depth], contents: Vec::new(), patience }
    }

    /// Notes what a block holds that is about to be written.
    #[inline]
    pub(super) fn add(&mut self, crc: u32) {
        self.contents.push(Content::Data(crc));
    }

    /// Notes a command before its doorbell is rung. Where there is no room, the session has it in hand to make some.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be noted; then it must not be sent.
    pub(super) fn submit(
        &mut self,
        slot: u16,
        command: Named,
        fua: bool,
    ) -> Result<(), JournalError> {
        let mut since = None;
        let begun = loop {
            match self.note(command, fua) {
                Err(JournalError::Full)
                    if since.get_or_insert_with(Instant::now).elapsed() < self.patience =>
                {
                    thread::sleep(LOOK_EVERY);
                }
                noted => break noted?,
            }
        };
        self.contents.clear();
        self.begun[usize::from(slot)] = begun;
        Ok(())
    }

    fn note(&self, command: Named, fua: bool) -> Result<Option<Begun>, JournalError> {
        let Named { operation, slba, blocks } = command;
        let range = slba..slba + u64::from(blocks);
        let lane = &self.lane;
        let begun = match operation {
            Operation::Write => lane.writes(slba, self.contents.iter().copied(), fua)?,
            Operation::WriteZeroes => lane.fills(&range, Content::Zeroes, fua)?,
            Operation::WriteUncorrectable => lane.fills(&range, Content::Uncorrectable, false)?,
            Operation::DatasetManagement => lane.fills(&range, Content::Deallocated, false)?,
            Operation::Flush => lane.flushes()?,
            Operation::Read | Operation::Compare | Operation::Verify => return Ok(None),
        };
        Ok(Some(begun))
    }

    /// Notes how a command ended whose completion was seen.
    #[inline]
    pub(super) fn complete(&mut self, slot: u16, is_success: bool) {
        if let Some(begun) = self.begun[usize::from(slot)].take() {
            self.lane.ended(begun, if is_success { Outcome::Done } else { Outcome::Maybe });
        }
    }
}
