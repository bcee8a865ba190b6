//! Sending commands, with as many in flight as there were.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use zerocopy::little_endian::U32;

use super::plan::Action;
use super::plan::Step;
use crate::Buffer;
use crate::Expected;
use crate::Nvm;
use crate::Result;
use crate::Ticket;
use crate::memory::Sink;
use crate::memory::Slice;
use crate::queue::Io;
use crate::spec::Sqe;
use crate::spec::Status;

/// The longest pause in which nobody looks at the controller.
const NAP: Duration = Duration::from_millis(20);

/// What is in flight.
pub(super) struct Sender<'scope, 'env> {
    pub(super) ios: &'scope [Io<'scope, 'env, Nvm>],
    pub(super) depths: Vec<usize>,
    /// Which of them a recorded queue has; several share one where there are too few.
    pub(super) queue_of: BTreeMap<u16, usize>,
    pub(super) sink: Sink<'scope>,
    pub(super) data: &'scope Buffer,
    pub(super) flying: Vec<VecDeque<Flying<'scope>>>,
    pub(super) statuses: Vec<Option<Status>>,
}

/// A command in flight: its number, and its ticket.
pub(super) struct Flying<'scope>(usize, AnyTicket<'scope>);

enum AnyTicket<'scope> {
    Read(Ticket<'scope, Sink<'scope>>),
    Write(Ticket<'scope, Slice<'scope>>),
    Other(Ticket<'scope>),
}

impl AnyTicket<'_> {
    fn is_done(&self) -> bool {
        match self {
            Self::Read(ticket) => ticket.completion().is_some(),
            Self::Write(ticket) => ticket.completion().is_some(),
            Self::Other(ticket) => ticket.completion().is_some(),
        }
    }

    fn reap(self) -> Result<Status> {
        Ok(match self {
            Self::Read(ticket) => ticket.reap()?.0.status,
            Self::Write(ticket) => ticket.reap()?.0.status,
            Self::Other(ticket) => ticket.reap()?.0.status,
        })
    }
}

impl<'scope> Sender<'scope, '_> {
    /// Takes completions until a time has come.
    pub(super) fn poll_until(&mut self, at: Instant) -> Result<()> {
        while Instant::now() < at {
            self.poll()?;
            // What is far away is not waited for with a processor.
            if self.flying.iter().all(VecDeque::is_empty) {
                let left = at.saturating_duration_since(Instant::now());
                std::thread::sleep(left.saturating_sub(Duration::from_micros(100)).min(NAP));
            }
        }
        Ok(())
    }

    /// Takes the completions that have come.
    fn poll(&mut self) -> Result<()> {
        for queue in 0..self.flying.len() {
            while self.flying[queue].front().is_some_and(|flying| flying.1.is_done()) {
                self.reap(queue)?;
            }
        }
        Ok(())
    }

    /// Waits for the oldest command of a queue.
    fn reap(&mut self, queue: usize) -> Result<()> {
        if let Some(Flying(number, ticket)) = self.flying[queue].pop_front() {
            self.statuses[number] = Some(ticket.reap()?);
        }
        Ok(())
    }

    pub(super) fn send(&mut self, number: usize, step: &Step<'_>) -> Result<()> {
        let queue = self.queue_of.get(&step.sqid).copied().unwrap_or(0);
        while self.depths[queue] <= self.flying[queue].len() {
            self.reap(queue)?;
        }
        let (io, namespace) = (&self.ios[queue], step.namespace);
        let edit = |sqe: &mut Sqe| {
            sqe.nsid = U32::new(step.nsid);
            sqe.cdw12 = U32::new(sqe.cdw12.get() | step.flags);
            sqe.cdw13 = U32::new(step.hints);
        };
        let ticket = match step.action {
            Action::Read => {
                let command = namespace.read(self.sink.first(step.bytes), step.slba).edit(edit);
                AnyTicket::Read(command.expect(Expected::Any).submit(io))
            }
            Action::Write => {
                let data = self.data.slice(0..step.bytes);
                let command = namespace.write(data, step.slba).edit(edit);
                AnyTicket::Write(command.expect(Expected::Any).submit(io))
            }
            other => {
                let command = match other {
                    Action::WriteZeroes => namespace.write_zeroes(step.slba, step.blocks),
                    Action::WriteUncorrectable => {
                        namespace.write_uncorrectable(step.slba, step.blocks)
                    }
                    Action::Verify => namespace.verify(step.slba, step.blocks),
                    _ => namespace.flush(),
                };
                let command = command.edit(|sqe| sqe.nsid = U32::new(step.nsid));
                AnyTicket::Other(command.expect(Expected::Any).submit(io))
            }
        };
        self.flying[queue].push_back(Flying(number, ticket));
        Ok(())
    }

    /// Waits for all commands, and returns their statuses.
    pub(super) fn finish(mut self) -> Result<Vec<Option<Status>>> {
        for queue in 0..self.flying.len() {
            while !self.flying[queue].is_empty() {
                self.reap(queue)?;
            }
        }
        Ok(self.statuses)
    }
}
