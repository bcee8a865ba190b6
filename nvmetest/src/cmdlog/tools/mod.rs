//! What a person does with a command log that is there: look at it, count, draw, export it, and send its
//! commands again.
//!
//! They are the subcommands of `cargo xtask cmdlog` and `nvmetest-qualify cmdlog`:
//!
//! | subcommand | what it does |
//! | --- | --- |
//! | `show` | prints commands, one a line, or as JSON lines |
//! | `stats` | counts by queue and opcode, with latencies, what was in flight, and what never completed |
//! | `timeline` | draws when each command was with the controller, as text or SVG |
//! | `export` | writes JSON lines, a trace for Perfetto, or a capture for Wireshark |
//! | `replay` | sends the I/O commands to a device, and compares what they end with |
//!
//! The log is a file that `--cmdlog FILE` of a suite made, the `cmdlog.jsonl` of an evidence folder, or a folder
//! that has one of them. It may be damaged, cut off, or still be written: what cannot be read is left out,
//! and a note on standard error says so. No log is held in memory as a whole unless a tool says it is.
//!
//! ```
//! use nvmetest::cmdlog::tools::{Filter, Input};
//! use nvmetest::cmdlog::{CmdLog, Geometry, now_ns};
//! use nvmetest::spec::Sqe;
//! use std::panic::Location;
//!
//! # let folder = tempfile::tempdir()?;
//! let log = CmdLog::create(folder.path().join("run.cmdlog"), Geometry::default())?;
//! log.ring(1, 1).submitted(&Sqe::with_opcode(2), Location::caller(), now_ns());
//!
//! let mut input = Input::open(folder.path())?;
//! let filter = Filter { opcodes: vec!["read".parse()?], ..Filter::default() };
//! assert_eq!(filter.select(&mut input).count(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod export;
mod filter;
mod input;
mod opcode;
mod output;
mod replay;
mod show;
mod span;
mod stats;
mod status;
mod timeline;

use std::process::ExitCode;

use clap::Subcommand;

pub use export::Export;
pub use export::Format;
pub use export::write_capture;
pub use export::write_chrome_trace;
pub use filter::Filter;
pub use input::Input;
pub use opcode::OpcodeFilter;
pub use replay::ReplayArguments;
pub use show::Show;
pub use span::LbaRange;
pub use span::Moment;
pub use stats::Stats;
pub use stats::StatsArguments;
pub use status::StatusFilter;
pub use timeline::TimelineArguments;

use crate::transport::Scheme;

/// Looks at, counts, draws, exports or replays a command log
#[derive(Debug, Subcommand)]
pub enum Tool {
    /// Print commands, one a line
    Show(Show),
    /// Count by queue and opcode, with latencies
    Stats(StatsArguments),
    /// Draw when each command was with the controller
    Timeline(TimelineArguments),
    /// Write the log for another program
    Export(Export),
    /// Send the I/O commands of the log to a device, and compare what they end with
    Replay(ReplayArguments),
}

/// Why a tool cannot do its work: one sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ToolError(String);

impl ToolError {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl Tool {
    /// Does it. `schemes` are the ways to a device that `replay` may be told.
    ///
    /// The exit code is 0, or 1 if a replay found a difference.
    ///
    /// # Errors
    ///
    /// Fails with one sentence if the log cannot be read, the output cannot be written, or the device cannot
    /// be opened.
    pub fn run(self, schemes: &[&'static dyn Scheme]) -> Result<ExitCode, ToolError> {
        match self {
            Self::Show(show) => show.run(),
            Self::Stats(stats) => stats.run(),
            Self::Timeline(timeline) => timeline.run(),
            Self::Export(export) => export.run(),
            Self::Replay(replay) => replay.run(schemes),
        }
    }
}

#[cfg(test)]
mod tests;
