//! The memory that the device was given for queues, until it has lost it.

use std::cell::OnceCell;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use crate::memory::Block;
use crate::raw::Fetching;
use crate::spec::AdminOpcode;
use crate::spec::Sqe;
use crate::spec::Status;

use super::QueueKind;

/// All claims of the device on the memory of I/O queues.
///
/// A claim begins before the doorbell is rung for the command that creates the queue. It ends when that command
/// is refused, when a deletion succeeds, or when the controller is disabled. It rests on no destructor, nor on
/// who sent those commands.
#[derive(Debug, Default)]
pub(crate) struct Claims(RefCell<Vec<Rc<Claim>>>);

/// What one queue lets the device use.
#[derive(Debug)]
pub(crate) struct Claim {
    kind: QueueKind,
    qid: u16,
    /// PRP Entry 1 of the command that created the queue.
    prp1: u64,
    /// The queue, and what the entries of a queue that was made by hand name.
    blocks: RefCell<Vec<Arc<Block>>>,
    /// The submission queues that were made by hand and complete in this queue, those that are gone included.
    served: RefCell<BTreeSet<u16>>,
    /// What the device may fetch of a submission queue that was made by hand.
    pub(crate) fetching: OnceCell<Rc<Fetching>>,
}

impl Claims {
    /// Notes that a queue is about to be created in `block`.
    pub(crate) fn add(&self, kind: QueueKind, qid: u16, prp1: u64, block: &Arc<Block>) {
        let blocks = RefCell::new(vec![block.clone()]);
        let (served, fetching) = (RefCell::default(), OnceCell::new());
        let claim = Claim { kind, qid, prp1, blocks, served, fetching };
        self.0.borrow_mut().push(Rc::new(claim));
    }

    /// Notes what became of an admin command.
    pub(crate) fn note(&self, sqe: &Sqe, status: Status) {
        let qid = sqe.cdw10.get() as u16;
        let kind = match sqe.admin_opcode() {
            AdminOpcode::CREATE_IO_SQ | AdminOpcode::DELETE_IO_SQ => QueueKind::Submission,
            AdminOpcode::CREATE_IO_CQ | AdminOpcode::DELETE_IO_CQ => QueueKind::Completion,
            _ => return,
        };
        let deletes =
            matches!(sqe.admin_opcode(), AdminOpcode::DELETE_IO_SQ | AdminOpcode::DELETE_IO_CQ);
        let mut claims = self.0.borrow_mut();
        let of_queue = |claim: &Claim| claim.kind == kind && claim.qid == qid;
        match (deletes, status.is_success()) {
            (true, true) => claims.retain(|claim| !(of_queue(claim) && claim.ends())),
            (false, false) => {
                // The last one: an earlier command may have created a queue in the same memory.
                let prp1 = sqe.dptr[0].get();
                let refused = claims.iter().rposition(|it| of_queue(it) && it.prp1 == prp1);
                refused.map(|index| claims.remove(index).ends());
            }
            _ => {}
        }
    }

    /// Ends all claims: the controller is disabled.
    pub(crate) fn end(&self) {
        self.0.take().iter().for_each(|claim| {
            claim.ends();
        });
    }

    /// Never gives the memory to anybody else: the device could not be disabled.
    pub(crate) fn forget(&self) {
        std::mem::forget(self.0.take());
    }

    /// The claim of the queue that was created in `block`.
    pub(crate) fn on(&self, block: &Arc<Block>) -> Option<Rc<Claim>> {
        let claims = self.0.borrow();
        claims.iter().find(|claim| Arc::ptr_eq(&claim.blocks.borrow()[0], block)).cloned()
    }

    /// Whether the device still has the queue.
    pub(crate) fn has(&self, claim: &Rc<Claim>) -> bool {
        self.0.borrow().iter().any(|it| Rc::ptr_eq(it, claim))
    }

    /// What the device may fetch of the submission queue `sqid`, if it was made by hand.
    pub(crate) fn fetching(&self, sqid: u16) -> Option<Rc<Fetching>> {
        let claims = self.0.borrow();
        let mut of_queue =
            claims.iter().filter(|it| it.kind == QueueKind::Submission && it.qid == sqid);
        of_queue.find_map(|claim| claim.fetching.get().cloned())
    }

    /// Whether no submission queue `sqid` that was made by hand completed in `cqid` before.
    pub(crate) fn is_first(&self, cqid: u16, sqid: u16) -> bool {
        let claims = self.0.borrow();
        let mut of_queue =
            claims.iter().filter(|it| it.kind == QueueKind::Completion && it.qid == cqid);
        of_queue.all(|claim| claim.served.borrow_mut().insert(sqid))
    }

    /// Whether an entry of a queue that was made by hand is safe only as long as namespaces keep their formats.
    pub(crate) fn rely_on_formats(&self) -> bool {
        let claims = self.0.borrow();
        claims.iter().filter_map(|claim| claim.fetching.get()).any(|it| it.relies_on_formats())
    }
}

impl Claim {
    /// Lets the memory go, also if the owner of the queue was forgotten.
    fn ends(&self) -> bool {
        drop(self.blocks.take());
        true
    }

    /// Keeps memory that an entry of the queue is about to name.
    pub(crate) fn keep(&self, block: &Arc<Block>) {
        let mut blocks = self.blocks.borrow_mut();
        // The memory that was named last is likely to be named again.
        if !blocks.iter().rev().any(|kept| Arc::ptr_eq(kept, block)) {
            blocks.push(block.clone());
        }
    }
}
