//! What a worker counted.

use std::fmt;
use std::time::Duration;

use crate::Status;
use crate::spec::NvmOpcode;

/// What a worker did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Statistics {
    /// The Read commands that completed, with any status.
    pub reads: u64,
    /// The Write commands that completed, with any status.
    pub writes: u64,
    /// The bytes that commands transferred which succeeded.
    pub bytes: u64,
    /// The commands that failed.
    pub errors: u64,
    /// The first of them.
    pub first_error: Option<FailedCommand>,
    /// From the first command to the last completion.
    pub elapsed: Duration,
}

/// A command of a worker that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedCommand {
    /// The opcode.
    pub opcode: NvmOpcode,
    /// The first logical block.
    pub slba: u64,
    /// The status that it completed with.
    pub status: Status,
}

impl Statistics {
    /// Returns how many commands completed.
    pub fn commands(&self) -> u64 {
        self.reads + self.writes
    }

    /// Returns how many commands completed in a second, on average.
    pub fn iops(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds == 0.0 { 0.0 } else { self.commands() as f64 / seconds }
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reads, writes, bytes, errors, .. } = self;
        let (elapsed, iops) = (self.elapsed.as_millis(), self.iops());
        write!(
            f,
            "{reads} reads and {writes} writes of {bytes} bytes in {elapsed} ms: {iops:.0} IOPS"
        )?;
        if *errors != 0 { write!(f, ", {errors} failed") } else { Ok(()) }
    }
}

impl fmt::Display for FailedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { opcode, slba, status } = self;
        write!(f, "{opcode} at LBA {slba:#x}: status is {status}")
    }
}
