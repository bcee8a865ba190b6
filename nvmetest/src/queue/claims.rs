//! The memory that the device was given for queues, until it has lost it.

use std::cell::Cell;
use std::cell::OnceCell;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use crate::memory::Block;
use crate::raw::Fetching;
use crate::spec::AdminOpcode;

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
    stage: Cell<Stage>,
    /// The queue, and what the entries of a queue that was made by hand name.
    blocks: RefCell<Vec<Arc<Block>>>,
    /// The submission queues that were made by hand and complete in this queue, those that are gone included.
    served: RefCell<BTreeSet<u16>>,
    /// What the device may fetch of a submission queue that was made by hand.
    pub(crate) fetching: OnceCell<Rc<Fetching>>,
}

/// How far a claim has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The command that creates the queue is on its way.
    Asked,
    /// The queue was created.
    Live,
    /// Queues of one name were created and deleted at a time: the claim lasts until the controller is disabled.
    Unsure,
}

impl Claims {
    /// Notes that a queue is about to be created in `block`.
    pub(crate) fn add(&self, kind: QueueKind, qid: u16, block: &Arc<Block>) {
        let blocks = RefCell::new(vec![block.clone()]);
        let stage = Cell::new(Stage::Asked);
        let (served, fetching) = (RefCell::default(), OnceCell::new());
        let claim = Claim { kind, qid, stage, blocks, served, fetching };
        let mut claims = self.0.borrow_mut();
        if claims.iter().any(|it| it.is(kind, qid, Stage::Asked)) {
            claims
                .iter()
                .filter(|it| it.is(kind, qid, Stage::Asked))
                .for_each(|it| it.enter(Stage::Unsure));
            claim.enter(Stage::Unsure);
        }
        claims.push(Rc::new(claim));
    }

    /// Notes what became of an admin command about queue `qid`.
    pub(crate) fn note(&self, opcode: AdminOpcode, qid: u16, success: bool) {
        let (kind, deletes) = match opcode {
            AdminOpcode::CREATE_IO_SQ => (QueueKind::Submission, false),
            AdminOpcode::DELETE_IO_SQ => (QueueKind::Submission, true),
            AdminOpcode::CREATE_IO_CQ => (QueueKind::Completion, false),
            AdminOpcode::DELETE_IO_CQ => (QueueKind::Completion, true),
            _ => return,
        };
        let mut claims = self.0.borrow_mut();
        let concerns = if deletes { Stage::Live } else { Stage::Asked };
        let is_it = |claim: &Rc<Claim>| claim.is(kind, qid, concerns);
        match (deletes, success) {
            (false, true) => {
                claims.iter().filter(|it| is_it(it)).for_each(|it| it.enter(Stage::Live))
            }
            (true, false) => {}
            // Completions come in any order: which of two queues of a name is gone is not certain.
            _ if 1 < claims.iter().filter(|it| is_it(it)).count() => {
                claims.iter().filter(|it| is_it(it)).for_each(|it| it.enter(Stage::Unsure));
            }
            _ => claims.retain(|it| !(is_it(it) && it.ends())),
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
    fn is(&self, kind: QueueKind, qid: u16, stage: Stage) -> bool {
        (self.kind, self.qid, self.stage.get()) == (kind, qid, stage)
    }

    fn enter(&self, stage: Stage) {
        self.stage.set(stage);
    }

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
