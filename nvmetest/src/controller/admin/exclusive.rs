//! Admin commands that change what queue pairs and namespaces are about.

use std::time::Duration;

use crate::Result;
use crate::command::Admin;
use crate::command::Command;
use crate::command::Completion;
use crate::command::Expected;
use crate::controller::Controller;
use crate::spec::Sqe;

/// An admin command that has its controller to itself until it completes.
///
/// It borrows the controller as a reset does: the compiler refuses it while a queue pair, a namespace or a scope
/// is in use.
#[must_use = "a command does nothing until it is run"]
#[derive(Debug)]
pub struct ExclusiveCommand<'c> {
    nvme: &'c mut Controller,
    command: Command<Admin>,
}

impl<'c> ExclusiveCommand<'c> {
    #[track_caller]
    pub(super) fn new(nvme: &'c mut Controller, sqe: Sqe) -> Self {
        Self { nvme, command: Command::new(sqe, ()) }
    }

    /// Replaces the time that the command may take.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { command: self.command.timeout(timeout), ..self }
    }

    /// Makes `status`, and nothing else, the passing outcome: see [`Command::expect`].
    pub fn expect(self, status: impl Into<Expected>) -> Self {
        Self { command: self.command.expect(status), ..self }
    }

    /// Changes the submission queue entry as the test likes: see [`Command::edit`].
    pub fn edit(self, edit: impl FnOnce(&mut Sqe)) -> Self {
        Self { command: self.command.edit(edit), ..self }
    }

    /// Runs the command to completion.
    ///
    /// # Errors
    ///
    /// Fails if the status is not the expected one, or on timeout.
    pub fn run(self) -> Result<Completion> {
        self.command.run(self.nvme)
    }
}
