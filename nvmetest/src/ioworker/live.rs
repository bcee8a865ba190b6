//! The workers that live.

use std::cell::RefCell;
use std::rc::Rc;

use super::forwarder::Forwarder;
use super::process::WorkerProcess;

/// The workers of a controller whose queues may still exist.
///
/// They are here so that each can be ended, whatever became of its handle. One whose process has ended is here as
/// long as the controller may have commands of it.
#[derive(Debug, Default)]
pub(crate) struct LiveWorkers {
    processes: RefCell<Vec<Rc<WorkerProcess>>>,
    forwarder: Forwarder,
}

impl LiveWorkers {
    /// Who rings for those that cannot.
    pub(super) fn forwarder(&self) -> &Forwarder {
        &self.forwarder
    }

    pub(super) fn add(&self, process: &Rc<WorkerProcess>) {
        self.processes.borrow_mut().push(process.clone());
    }

    /// The queues of the worker are gone.
    pub(super) fn remove(&self, process: &Rc<WorkerProcess>) {
        self.processes.borrow_mut().retain(|known| !Rc::ptr_eq(known, process));
    }

    /// All queues are gone.
    pub(crate) fn clear(&self) {
        self.processes.take();
    }

    /// Whether no command of a worker can be in flight.
    pub(crate) fn is_empty(&self) -> bool {
        self.processes.borrow().is_empty()
    }

    /// Ends the processes of all of them. Returns what there is to complain of.
    pub(crate) fn end_all(&self, why: &str) -> Vec<String> {
        self.processes.borrow().iter().filter_map(|it| end(it, why)).collect()
    }

    /// Ends those that used submission queue `sqid`, which is gone.
    pub(crate) fn end_with_sq(&self, sqid: u16) -> Vec<String> {
        let theirs = |process: &mut Rc<WorkerProcess>| process.queues.0 == sqid;
        let ended: Vec<_> = self.processes.borrow_mut().extract_if(.., theirs).collect();
        ended.iter().filter_map(|it| end(it, "its submission queue was deleted")).collect()
    }

    /// The processes that still run.
    pub(crate) fn running(&self) -> Vec<u32> {
        let workers = self.processes.borrow();
        workers.iter().filter(|it| it.exit().is_none()).map(|it| it.pid()).collect()
    }
}

/// Ends a process. Returns what there is to complain of.
pub(super) fn end(process: &WorkerProcess, why: &str) -> Option<String> {
    let pid = process.pid();
    (!process.end(why)).then(|| format!("IOWorker {pid} was killed and the kernel does not end it"))
}
