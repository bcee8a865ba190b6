//! I/O queues, deleted when they are dropped.

use std::rc::Rc;
use std::sync::Arc;

use crate::Error;
use crate::Result;
use crate::command::Command;
use crate::command::Nvm;
use crate::controller::Controller;
use crate::memory::Block;
use crate::memory::Data;
use crate::transport::TransportError;

use super::completion_side::CompletionSide;
use super::core::Core;
use super::creation::Creation;
use super::doorbell::Doorbell;
use super::scope::Io;

/// How to create a completion queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CqOptions {
    /// The number of entries: 2 to CAP.MQES + 1.
    pub entries: u32,
    /// The interrupt vector, or none: then interrupts are disabled for the queue.
    pub vector: Option<u16>,
}

/// How to create a submission queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqOptions {
    /// The number of entries: 2 to CAP.MQES + 1. The queue holds one command less.
    pub entries: u32,
    /// QPRIO: 0 is urgent, 3 is low; used with weighted round robin only (Base 3.4.4.2).
    pub priority: u8,
}

/// A completion queue, for submission queues that share it; deleted when dropped.
#[derive(Debug)]
pub struct CompletionQueue<'c> {
    side: Rc<CompletionSide>,
    controller: &'c Controller,
}

impl<'c> CompletionQueue<'c> {
    #[track_caller]
    pub(crate) fn create(controller: &'c Controller, options: CqOptions) -> Result<Self> {
        let shared = controller.shared();
        check_entries(options.entries);
        let ring = Creation(shared).completion_ring(options.entries)?;
        let cqid = shared.queues().take_cq()?;
        let created = controller.create_cq_at(cqid, &ring, options.vector).run(controller);
        if let Err(error) = created {
            shared.queues().free_cq(cqid);
            return Err(error);
        }
        let doorbell = Doorbell::new(shared.function(), shared.cq_head_doorbell(cqid));
        let queue = Self { side: CompletionSide::new(cqid, ring, doorbell), controller };
        check_entry_size(controller.config().iocqes, 4, "CC.IOCQES")?;
        Ok(queue)
    }

    /// Returns the queue identifier.
    pub fn id(&self) -> u16 {
        self.side.cqid()
    }

    /// Creates a submission queue whose commands complete here.
    ///
    /// # Errors
    ///
    /// Fails if the controller refuses it or has no queue left.
    #[track_caller]
    pub fn submission_queue(&self, options: SqOptions) -> Result<Qpair<'_>> {
        Qpair::create(self.controller, options, &self.side, None)
    }
}

impl Drop for CompletionQueue<'_> {
    fn drop(&mut self) {
        let shared = self.controller.shared();
        let cqid = self.side.cqid();
        if shared.queues().has_cq(cqid) {
            let deleted = self.controller.delete_io_cq(cqid).run(self.controller);
            self.controller.account_for_deletion(deleted, &format!("completion queue {cqid}"));
        }
        shared.queues().free_cq(cqid);
    }
}

/// An I/O queue pair, deleted when dropped.
///
/// A queue pair borrows its controller: it cannot outlive it.
#[derive(Debug)]
pub struct Qpair<'c> {
    core: Rc<Core>,
    controller: &'c Controller,
    // Dropped after `Qpair::drop` has deleted the submission queue.
    _own: Option<CompletionQueue<'c>>,
}

impl<'c> Qpair<'c> {
    /// Creates a submission queue of `options` and a completion queue of its own.
    #[track_caller]
    pub(crate) fn create_pair(
        controller: &'c Controller,
        sq: SqOptions,
        cq: CqOptions,
    ) -> Result<Self> {
        let own = CompletionQueue::create(controller, cq)?;
        let side = own.side.clone();
        Self::create(controller, sq, &side, Some(own))
    }

    #[track_caller]
    fn create(
        controller: &'c Controller,
        options: SqOptions,
        side: &Rc<CompletionSide>,
        own: Option<CompletionQueue<'c>>,
    ) -> Result<Self> {
        let shared = controller.shared();
        check_entries(options.entries);
        let ring = Creation(shared).submission_ring(options.entries)?;
        let sqid = shared.queues().take_sq()?;
        let create = controller.create_sq_at(sqid, &ring, side.cqid(), options.priority);
        if let Err(error) = create.run(controller) {
            shared.queues().free_sq(sqid);
            return Err(error);
        }
        let doorbell = Doorbell::new(shared.function(), shared.sq_tail_doorbell(sqid));
        let core = Core::new(shared, sqid, ring, doorbell, side);
        shared.register(&core);
        let qpair = Self { core, controller, _own: own };
        check_entry_size(controller.config().iosqes, 6, "CC.IOSQES")?;
        Ok(qpair)
    }

    /// Returns the identifier of the submission queue.
    pub fn id(&self) -> u16 {
        self.core.sqid()
    }

    /// Returns the identifier of the completion queue.
    pub fn cq_id(&self) -> u16 {
        self.core.completions().cqid()
    }

    /// Returns how many commands the queue holds: one less than its entries.
    pub fn depth(&self) -> usize {
        self.core.capacity()
    }

    /// Returns the number of entries of the submission queue.
    pub fn entries(&self) -> u32 {
        self.core.ring().entries()
    }

    /// Returns the memory of the submission and of the completion queue.
    pub(crate) fn rings(&self) -> (&Arc<Block>, &Arc<Block>) {
        (self.core.ring().block(), self.core.completions().ring().block())
    }

    /// Opens a scope for concurrent commands; see the [module](super) for the rules.
    ///
    /// # What the compiler tells you
    ///
    /// A buffer that is lent inside the scope is declared outside of it, and comes back when the scope ends, or from
    /// the ticket. Where rustc says that something is "borrowed for `'1`", `'1` is the life of the scope:
    /// [`what_the_compiler_tells_you`](crate::what_the_compiler_tells_you) has the common messages and what to do.
    ///
    /// # Errors
    ///
    /// Fails with the error of `body`, or else with the first command in the scope that failed and that
    /// `body` did not look at.
    pub fn scope<'env, T>(
        &'env self,
        body: impl for<'scope> FnOnce(&'scope Io<'scope, 'env, Nvm>) -> Result<T>,
    ) -> Result<T> {
        self.core.scope(self.controller, body)
    }

    pub(super) fn core(&self) -> &Core {
        &self.core
    }

    pub(super) fn controller(&self) -> &'c Controller {
        self.controller
    }

    pub(super) fn open<'scope, 'env>(&'env self) -> Io<'scope, 'env, Nvm> {
        self.core.open(self.controller)
    }

    /// Runs all of `commands`, with as many in flight as the queue holds.
    ///
    /// # Errors
    ///
    /// Fails with the first command that does.
    pub fn run_all<D: Data>(
        &self,
        commands: impl IntoIterator<Item = Command<Nvm, D>>,
    ) -> Result<()> {
        self.scope(|io| io.run_all(commands))
    }

    /// Writes a value to the submission queue's tail doorbell that is no index of the queue: Invalid Doorbell
    /// Write Value (Base 5.1.2.1).
    ///
    /// # Errors
    ///
    /// Fails if the doorbell cannot be reached.
    ///
    /// # Panics
    ///
    /// Panics if bits 15:0 of `value`, which are all that a controller looks at (PCIe transport 3.1.2.1), are an
    /// index of the queue: it would fetch what stands there.
    pub fn ring_invalid_tail(&self, value: u32) -> Result {
        assert!(
            self.entries() <= value & 0xffff,
            "{value:#x} is a valid tail of a queue of {}",
            self.entries()
        );
        Ok(self.core.doorbell().ring(value)?)
    }
}

impl Drop for Qpair<'_> {
    fn drop(&mut self) {
        let shared = self.controller.shared();
        let sqid = self.core.sqid();
        if self.core.gone().is_none() && shared.queues().has_sq(sqid) {
            let deleted = self.controller.delete_io_sq(sqid).run(self.controller);
            self.controller.account_for_deletion(deleted, &format!("submission queue {sqid}"));
        }
        self.core.retire("it was deleted");
        shared.queues().free_sq(sqid);
    }
}

/// # Panics
///
/// Panics if the queue would hold no command, or if QSIZE cannot say it.
#[track_caller]
fn check_entries(entries: u32) {
    assert!((2..=1 << 16).contains(&entries), "a queue has 2 to 65,536 entries, not {entries}");
}

/// Refuses a queue that the controller took, and in which it has the entries in other places than the driver: it would
/// take stale ones, or parts of two, for commands.
fn check_entry_size(shift: u8, usual: u8, field: &str) -> Result {
    if shift == usual {
        return Ok(());
    }
    let why = format!(
        "the controller created a queue with {field} = {shift}, and the driver has queues with {usual}"
    );
    Err(Error::Failed(why))
}

impl Controller {
    /// Looks at how the deletion of a queue went. If it may still be there, `Claims` has its memory.
    pub(crate) fn account_for_deletion(&self, deleted: Result<crate::Completion>, queue: &str) {
        let Err(error) = deleted else { return };
        // A queue that is gone with its controller needs no deletion.
        let gone = error.is_lost()
            || matches!(
                error,
                Error::QueueGone { .. } | Error::Transport(TransportError::Lost { .. })
            );
        if !gone {
            self.shared().complain(format!("{queue} could not be deleted: {error}"));
        }
    }
}
