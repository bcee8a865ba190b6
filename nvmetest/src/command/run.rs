//! Running a command to completion.
//!
//! There is a `run` for each command set, and not one for all, so that the compiler's message about the wrong queue
//! can say which one is right.

use crate::Result;
use crate::memory::Data;
use crate::queue::AdminQueue;
use crate::queue::Io;
use crate::queue::IoQueue;
use crate::queue::Queue;

use super::Admin;
use super::Command;
use super::CommandSet;
use super::Completion;
use super::Nvm;

impl<D: Data> Command<Admin, D> {
    /// Runs the command to completion on the admin queue: `.run(nvme)`.
    ///
    /// # Errors
    ///
    /// Fails if the status is not the expected one, or on timeout. Either way the device has no more claim on
    /// the data when this returns.
    pub fn run(self, nvme: impl AdminQueue) -> Result<Completion> {
        self.run_on(&nvme)
    }
}

impl<D: Data> Command<Nvm, D> {
    /// Runs the command to completion on a queue pair: `.run(q)`.
    ///
    /// # Errors
    ///
    /// Fails if the status is not the expected one, or on timeout. Either way the device has no more claim on
    /// the data when this returns.
    pub fn run(self, q: impl IoQueue) -> Result<Completion> {
        self.run_on(&q)
    }
}

impl<S: CommandSet, D: Data> Command<S, D> {
    fn run_on(self, queue: &impl Queue) -> Result<Completion> {
        queue.core().scope(queue.controller(), |io: &Io<'_, '_, S>| {
            let (completion, _data) = self.begin(io).reap()?;
            Ok(completion)
        })
    }
}
