//! What is known of a command in flight, and how it ended.

use std::panic::Location;
use std::time::Duration;

use crate::Error;
use crate::cmdlog::Token;
use crate::cmdlog::now_ns;
use crate::command;
use crate::command::Completion;
use crate::command::Expected;
use crate::command::Terms;
use crate::spec::Cqe;
use crate::spec::Sqe;
use crate::spec::Status;

use super::key::Owner;

/// What is known of a command in flight.
#[derive(Clone, Copy)]
pub(super) struct Facts {
    pub(super) owner: Owner,
    /// When it was submitted (`cmdlog::now_ns`), and how long it may take.
    pub(super) since_ns: u64,
    pub(super) timeout_ns: u64,
    pub(super) logged: Token,
    pub(super) opcode: u8,
    pub(super) cdw10: u32,
    pub(super) admin: bool,
    pub(super) expected: Option<Expected>,
    pub(super) site: &'static Location<'static>,
}

/// How a command ended.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub(super) cqe: Cqe,
    pub(super) latency_ns: u64,
}

impl Facts {
    #[inline]
    pub(super) fn new(
        owner: Owner,
        sqe: &Sqe,
        terms: &Terms,
        logged: Token,
        (since_ns, timeout_ns): (u64, u64),
    ) -> Self {
        Self {
            owner,
            since_ns,
            timeout_ns,
            logged,
            opcode: sqe.opcode(),
            cdw10: sqe.cdw10.get(),
            admin: terms.admin,
            expected: terms.expected,
            site: terms.site,
        }
    }

    /// When its time is up.
    pub(super) fn due_ns(&self) -> u64 {
        self.since_ns.saturating_add(self.timeout_ns)
    }

    pub(super) fn timed_out(&self, sqid: u16) -> Error {
        let after = Duration::from_nanos(now_ns().saturating_sub(self.since_ns));
        Error::Timeout { command: self.describe(sqid), after, site: self.site }
    }

    pub(super) fn unexpected(&self, sqid: u16, status: Status) -> Error {
        let expected = self.expected.unwrap_or(Expected::SUCCESS);
        Error::Status { command: self.describe(sqid), status, expected, site: self.site }
    }

    /// Says how the command is called in messages.
    pub(super) fn describe(&self, sqid: u16) -> String {
        command::describe(self.admin, self.opcode, sqid)
    }
}

impl End {
    pub(super) fn completion(&self) -> Completion {
        let field = self.cqe.status_field();
        Completion {
            cdw0: self.cqe.dw0.get(),
            status: field.status(),
            field,
            sqhd: self.cqe.sqhd.get(),
            cid: self.cqe.cid.get(),
            latency: Duration::from_nanos(self.latency_ns),
        }
    }
}
