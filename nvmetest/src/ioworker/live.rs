//! The workers that live.

use std::cell::RefCell;
use std::rc::Rc;

use super::process::WorkerProcess;

/// The workers of a controller whose queues may still exist.
///
/// They are here so that each can be ended, whatever became of its handle.
#[derive(Debug, Default)]
pub(crate) struct LiveWorkers(RefCell<Vec<Rc<WorkerProcess>>>);

impl LiveWorkers {
    pub(super) fn add(&self, process: &Rc<WorkerProcess>) {
        self.0.borrow_mut().push(process.clone());
    }

    /// Ends one of them.
    pub(crate) fn end(&self, process: &Rc<WorkerProcess>, why: &str) -> Vec<String> {
        self.0.borrow_mut().retain(|known| !Rc::ptr_eq(known, process));
        end(vec![process.clone()], why)
    }

    /// Ends all of them. Returns what there is to complain of.
    pub(crate) fn end_all(&self, why: &str) -> Vec<String> {
        end(self.0.take(), why)
    }

    /// Ends those that use submission queue `sqid`.
    pub(crate) fn end_with_sq(&self, sqid: u16) -> Vec<String> {
        let theirs = |process: &mut Rc<WorkerProcess>| process.queues.0 == sqid;
        let ended = self.0.borrow_mut().extract_if(.., theirs).collect();
        end(ended, "its submission queue was deleted")
    }

    /// The processes that still run.
    pub(crate) fn running(&self) -> Vec<u32> {
        let workers = self.0.borrow();
        workers.iter().filter(|it| it.exit().is_none()).map(|it| it.pid()).collect()
    }
}

fn end(workers: Vec<Rc<WorkerProcess>>, why: &str) -> Vec<String> {
    let is_left = |it: &Rc<WorkerProcess>| {
        let pid = it.pid();
        (!it.end(why)).then(|| format!("IOWorker {pid} was killed and the kernel does not end it"))
    };
    workers.iter().filter_map(is_left).collect()
}
