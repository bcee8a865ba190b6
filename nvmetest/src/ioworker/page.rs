//! The page in which a worker counts, while the runner looks on.
//!
//! It has one writer, the worker, and is read at any time. It outlives the process, however that ends.

use std::fs::File;
use std::io;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;
use std::time::Duration;

use crate::Status;
use crate::memory::Mapping;
use crate::memory::PAGE_SIZE;
use crate::spec::NvmOpcode;

use super::FailedCommand;
use super::Statistics;

/// How far the worker is: the values are those of [`State`].
const STATE: usize = 0;
const READS: usize = 8;
const WRITES: usize = 16;
const BYTES: usize = 24;
const ERRORS: usize = 32;
const FIRST_OPCODE: usize = 40;
const FIRST_SLBA: usize = 48;
const FIRST_STATUS: usize = 56;
const ELAPSED_NS: usize = 64;
/// How long the message is that a worker leaves which cannot go on.
const MESSAGE_LEN: usize = 72;
const MESSAGE: usize = 128;

pub(super) const LEN: usize = PAGE_SIZE;

/// How far a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum State {
    /// It has not said anything.
    Starting = 0,
    /// It has all that it needs, and works.
    Ready = 1,
    /// It has done what it was to do.
    Done = 2,
    /// It could not go on: there is a message.
    GaveUp = 3,
}

/// The page.
#[derive(Debug)]
pub(super) struct Page(Mapping);

impl Page {
    /// Makes the page, and the file that the worker maps.
    pub(super) fn make() -> io::Result<(File, Self)> {
        let (file, mapping) = Mapping::anonymous(c"nvmetest-ioworker", LEN)?;
        Ok((file, Self(mapping)))
    }

    /// The worker's end; `mapping` is that of the file.
    pub(super) fn new(mapping: Mapping) -> Self {
        Self(mapping)
    }

    pub(super) fn state(&self) -> State {
        match self.0.long(STATE).load(Acquire) {
            1 => State::Ready,
            2 => State::Done,
            3 => State::GaveUp,
            _ => State::Starting,
        }
    }

    pub(super) fn set_state(&self, state: State) {
        self.0.long(STATE).store(state as u64, Release);
    }

    /// How many commands have completed.
    pub(super) fn completed(&self) -> u64 {
        self.word(READS).saturating_add(self.word(WRITES))
    }

    /// Publishes what was counted so far.
    pub(super) fn write(&self, statistics: &Statistics) {
        let put = |at, value| self.0.long(at).store(value, Relaxed);
        put(READS, statistics.reads);
        put(WRITES, statistics.writes);
        put(BYTES, statistics.bytes);
        if let Some(first) = statistics.first_error {
            put(FIRST_OPCODE, first.opcode.0.into());
            put(FIRST_SLBA, first.slba);
            put(FIRST_STATUS, first.status.0.into());
        }
        put(ERRORS, statistics.errors);
        put(ELAPSED_NS, u64::try_from(statistics.elapsed.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn read(&self) -> Statistics {
        let first_error = || FailedCommand {
            opcode: NvmOpcode(self.word(FIRST_OPCODE) as u8),
            slba: self.word(FIRST_SLBA),
            status: Status(self.word(FIRST_STATUS) as u16),
        };
        let errors = self.word(ERRORS);
        Statistics {
            reads: self.word(READS),
            writes: self.word(WRITES),
            bytes: self.word(BYTES),
            errors,
            first_error: (errors != 0).then(first_error),
            elapsed: Duration::from_nanos(self.word(ELAPSED_NS)),
        }
    }

    /// Leaves a message, and says that the worker cannot go on.
    pub(super) fn give_up(&self, why: &str) {
        let message = &why.as_bytes()[..why.len().min(LEN - MESSAGE)];
        self.0.write(MESSAGE, message);
        self.0.long(MESSAGE_LEN).store(message.len() as u64, Relaxed);
        self.set_state(State::GaveUp);
    }

    pub(super) fn message(&self) -> String {
        let len = usize::try_from(self.word(MESSAGE_LEN)).unwrap_or(usize::MAX);
        let mut message = vec![0; len.min(LEN - MESSAGE)];
        self.0.read(MESSAGE, &mut message);
        String::from_utf8_lossy(&message).into_owned()
    }

    fn word(&self, at: usize) -> u64 {
        self.0.long(at).load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let (_file, page) = Page::make().unwrap();
        assert_eq!(page.state(), State::Starting);
        let first_error = FailedCommand {
            opcode: NvmOpcode::WRITE,
            slba: u64::MAX,
            status: Status::LBA_OUT_OF_RANGE,
        };
        let statistics = Statistics {
            reads: 1,
            writes: 2,
            bytes: 3,
            errors: 4,
            first_error: Some(first_error),
            elapsed: Duration::from_nanos(5),
        };
        page.write(&statistics);
        assert_eq!(page.read(), statistics);
        assert_eq!(page.completed(), 3);
    }

    #[test]
    fn a_message_is_cut_off_where_the_page_ends() {
        let (_file, page) = Page::make().unwrap();
        page.give_up(&"why? ".repeat(5000));
        assert_eq!(page.state(), State::GaveUp);
        assert_eq!(page.message().len(), LEN - MESSAGE);
        // A writer that died, or that lies, makes no message longer than there is room for.
        page.0.long(MESSAGE_LEN).store(u64::MAX, Relaxed);
        assert_eq!(page.message().len(), LEN - MESSAGE);
    }
}
