//! What can go wrong with a command, a controller, or a test.

use std::panic::Location;
use std::time::Duration;

use crate::command::Expected;
use crate::durability::JournalError;
use crate::integrity::Miscompare;
use crate::integrity::TableError;
use crate::ioworker::IoWorkerError;
use crate::memory::MemoryError;
use crate::memory::Overrun;
use crate::spec::Csts;
use crate::spec::Status;
use crate::transport::TransportError;

/// The result of a command, or of a test.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Why a test cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A command completed with a status that the test did not expect.
    #[error("{site}: {command}: status is {status}, expected {expected}")]
    Status {
        /// The command: its name, opcode and queue.
        command: String,
        /// The status.
        status: Status,
        /// What the test expected.
        expected: Expected,
        /// Where the test built the command.
        site: &'static Location<'static>,
    },
    /// A command completed, and the data is not what the blocks may hold: see [`integrity`](crate::integrity).
    #[error("{site}: {command}, CID {cid:#06x}: {miscompare}")]
    Miscompare {
        /// The command: its name, opcode and queue.
        command: String,
        /// The command identifier.
        cid: u16,
        /// What is wrong, and what is known of the block.
        miscompare: Box<Miscompare>,
        /// Where the test built the command.
        site: &'static Location<'static>,
    },
    /// A command completed, and the device wrote host memory beside what was lent to it.
    #[error("{site}: {command}, CID {cid:#06x}: {overrun} that were lent to it")]
    Overrun {
        /// The command: its name, opcode and queue.
        command: String,
        /// The command identifier.
        cid: u16,
        /// What the device wrote, and where.
        overrun: Overrun,
        /// Where the test built the command.
        site: &'static Location<'static>,
    },
    /// The device used an address that no mapping covers, and something failed.
    #[error("{fault}; what came of it: {error}")]
    DmaFault {
        /// The access, the address, and what it is near to.
        fault: String,
        /// What failed.
        error: Box<Error>,
    },
    /// A command did not complete in time.
    #[error("{site}: {command}: no completion after {after:?}")]
    Timeout {
        /// The command: its name, opcode and queue.
        command: String,
        /// How long the host waited.
        after: Duration,
        /// Where the test built the command.
        site: &'static Location<'static>,
    },
    /// The time that the whole test may take is over.
    #[error("the test ran for longer than it may; it was waiting for {waiting_for}")]
    Deadline {
        /// What it waited for.
        waiting_for: String,
    },
    /// A completion broke a rule that holds for all completions, whatever the test looks at.
    #[error("completion queue {cqid}: {what} ({clause}); the entry is {entry}")]
    Completion {
        /// The completion queue.
        cqid: u16,
        /// The rule and how it was broken.
        what: String,
        /// The clause of the rule.
        clause: &'static str,
        /// The completion queue entry, decoded.
        entry: String,
    },
    /// The queue can take no more commands.
    #[error("{queue} is gone: {why}")]
    QueueGone {
        /// The queue.
        queue: String,
        /// What became of it.
        why: String,
    },
    /// A command was in flight when its queue ended: it completed with a status that the host made,
    /// [`Status::COMMAND_ABORTED_BY_HOST`], which the test did not expect.
    #[error("{site}: {command}: it was in flight when {queue} ended: {why}")]
    AbortedByHost {
        /// The command: its name, opcode and queue.
        command: String,
        /// The queue.
        queue: String,
        /// What became of it.
        why: String,
        /// Where the test built the command.
        site: &'static Location<'static>,
    },
    /// No command identifier is free.
    #[error(
        "{queue} is full: {in_flight} commands are in flight, and what was given up keeps its place until it \
         completes after all"
    )]
    QueueFull {
        /// The queue.
        queue: String,
        /// How many commands are in flight.
        in_flight: usize,
    },
    /// A completion callback panicked while the scope was closing.
    #[error("a completion callback panicked while the scope was closing: {message}")]
    Callback {
        /// The message of the panic.
        message: String,
    },
    /// A wait for completions that nobody will make.
    #[error("{site}: waitdone({wanted}): only {done} completed, and none is in flight")]
    NothingInFlight {
        /// How many completions were waited for.
        wanted: usize,
        /// How many came.
        done: usize,
        /// Where the test waits.
        site: &'static Location<'static>,
    },
    /// The memory cannot be described to the device.
    #[error("{site}: {command}: {why}")]
    Layout {
        /// The command: its name, opcode and queue.
        command: String,
        /// What cannot be described.
        why: String,
        /// Where the test built the command.
        site: &'static Location<'static>,
    },
    /// The controller has no queue left.
    #[error("the controller has no free {kind} queue identifier: it granted {granted}")]
    NoQueue {
        /// Submission or completion.
        kind: &'static str,
        /// How many it granted.
        granted: u16,
    },
    /// The controller did not follow CC in time.
    #[error("the controller did not become {goal} within {after:?} (CAP.TO): {csts:?}")]
    NotReady {
        /// Ready, disabled, or shut down.
        goal: &'static str,
        /// The time that the controller names.
        after: Duration,
        /// What it says instead.
        csts: Csts,
    },
    /// The controller set CSTS.CFS.
    #[error("the controller has a fatal status, CSTS.CFS is set (Base 9.5): {0:?}")]
    Fatal(Csts),
    /// The controller reports about itself what cannot be.
    #[error("the controller reports {what} ({clause})")]
    Nonsense {
        /// What it reports, and why that cannot be.
        what: String,
        /// The clause that says so.
        clause: &'static str,
    },
    /// Memory could not be had.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// Data cannot be verified.
    #[error(transparent)]
    Integrity(#[from] TableError),
    /// What is done to a namespace cannot be followed.
    #[error(transparent)]
    Durability(#[from] JournalError),
    /// There is no worker, or no result of one.
    #[error(transparent)]
    IoWorker(#[from] IoWorkerError),
    /// The device could not be reached.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The device is gone, for the host: it reads as all ones.
    #[error("the controller is gone: {0}")]
    Gone(String),
    /// The test does not apply to this controller.
    #[error("not applicable: {0}")]
    NotApplicable(String),
    /// The test is not to run here.
    #[error("skipped: {0}")]
    Skipped(String),
    /// What the test needs could not be had.
    #[error("blocked: {0}")]
    Blocked(String),
    /// The test says what is wrong.
    #[error("{0}")]
    Failed(String),
}

impl Error {
    /// Whether the device is lost: nothing more can be done with it.
    pub fn is_lost(&self) -> bool {
        if let Self::DmaFault { error, .. } = self {
            return error.is_lost();
        }
        matches!(
            self,
            Self::Gone(_)
                | Self::Transport(TransportError::Lost { .. })
                | Self::Memory(MemoryError::Map(TransportError::Lost { .. }))
        )
    }

    /// Whether the test ran out of time.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::DmaFault { error, .. } => error.is_timeout(),
            _ => matches!(self, Self::Timeout { .. } | Self::Deadline { .. }),
        }
    }
}
