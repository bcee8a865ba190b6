//! Commands that were recorded, to be sent again at their times.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::cmdlog::Record;
use crate::spec::NvmOpcode;

/// A command of a recorded sequence.
///
/// In a file it is a line of JSON:
///
/// ```
/// use std::time::Duration;
///
/// use nvmetest::ioworker::TimedCommand;
/// use nvmetest::spec::NvmOpcode;
///
/// let line = r#"{"at_ns":1500,"opcode":2,"slba":4096,"blocks":8}"#;
/// let command: TimedCommand = serde_json::from_str(line)?;
/// assert_eq!((command.at(), command.opcode), (Duration::from_nanos(1500), NvmOpcode::READ));
/// assert_eq!(serde_json::to_string(&command)?, line);
/// # serde_json::Result::Ok(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimedCommand {
    /// When it is submitted, in nanoseconds after the start.
    pub at_ns: u64,
    /// The opcode.
    pub opcode: NvmOpcode,
    /// The first logical block.
    pub slba: u64,
    /// How many logical blocks: 1 to 65,536. A Flush has none, and this says nothing.
    pub blocks: u32,
}

impl TimedCommand {
    /// When it is submitted, after the start.
    pub fn at(&self) -> Duration {
        Duration::from_nanos(self.at_ns)
    }

    /// Takes the commands out of a command log that a worker can send, for example those of another worker: the first of
    /// them is at the time 0.
    ///
    /// The log does not have the ranges of a Dataset Management command, so those are left out.
    pub fn of_records(records: &[Record]) -> Vec<Self> {
        let start = records.iter().map(|record| record.submitted_ns).min().unwrap_or(0);
        let io = records.iter().filter(|record| !record.is_admin());
        io.filter_map(|record| {
            let (sqe, opcode) = (&record.sqe, record.sqe.nvm_opcode());
            let known = super::Operation::of(opcode)?;
            (known != super::Operation::DatasetManagement).then(|| Self {
                at_ns: record.submitted_ns - start,
                opcode,
                slba: u64::from(sqe.cdw11.get()) << 32 | u64::from(sqe.cdw10.get()),
                blocks: (sqe.cdw12.get() & 0xffff) + 1,
            })
        })
        .collect()
    }
}

/// Reads a file of commands, one a line; empty lines are nothing.
pub(in crate::ioworker) fn read(path: &Path) -> Result<Vec<TimedCommand>, String> {
    let cannot =
        |why: String| format!("the recorded commands of {} cannot be read: {why}", path.display());
    let text = fs::read_to_string(path).map_err(|error| cannot(error.to_string()))?;
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    let command = |(line, number): (&str, u32)| {
        let command = serde_json::from_str(line);
        command.map_err(|error| cannot(format!("line {number} is no command: {error}")))
    };
    lines.map(command).collect()
}
