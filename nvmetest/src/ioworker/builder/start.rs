//! How a worker starts.

use std::panic::Location;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::CqOptions;
use crate::Error;
use crate::Qpair;
use crate::Result;
use crate::SqOptions;
use crate::ioworker::IoWorker;
use crate::ioworker::IoWorkerError;
use crate::ioworker::handle::Terms;
use crate::ioworker::job::Job;
use crate::ioworker::job::Lists;
use crate::ioworker::job::Place;
use crate::ioworker::launch::launch;
use crate::ioworker::page::Page;
use crate::ioworker::page::State;
use crate::ioworker::process::LOOK_EVERY;
use crate::ioworker::process::WorkerProcess;
use crate::ioworker::role;
use crate::memory::Block;
use crate::transport::DoorbellFile;

use super::IoWorkerBuilder;
use super::lists::AllLists;

/// How long the process may take until it is ready.
const START_TAKES: Duration = Duration::from_secs(10);

impl<'c> IoWorkerBuilder<'c> {
    /// Starts the worker.
    ///
    /// # Errors
    ///
    /// Fails before anything is started if the worker cannot do what was asked of it, if the doorbells of the
    /// device cannot be mapped by another process (then the test is not applicable), or if this program would not become a
    /// worker when it is executed again; and if there is no memory, no queue or no process to be had.
    #[track_caller]
    pub fn start(self) -> Result<IoWorker<'c>> {
        let nvme = self.ns.controller();
        let work = self.check(nvme.cmdlog().site(Location::caller()))?;
        let shared = nvme.shared();
        let function = nvme.function();
        let doorbells = function.doorbell_file().ok_or_else(|| {
            let uri = function.uri();
            Error::NotApplicable(format!(
                "the doorbells of {uri} cannot be mapped by another process yet, which an IOWorker is"
            ))
        })?;
        if !role::is_served() {
            let why = "this program does not become one when it is executed again; have its `main` call \
                       `nvmetest::runner::main`, or `nvmetest::runner::serve_role` first thing";
            return Err(IoWorkerError::NotStarted(why.to_owned()).into());
        }
        let page = shared.page_size();
        let longest = work.sizes.iter().map(|size| work.bytes(size)).max().unwrap_or(0);
        // What names no data has room for the range of a Dataset Management command.
        let slot_bytes =
            if work.transfers_blocks() { longest.next_multiple_of(page) } else { page };
        let bytes = usize::try_from(slot_bytes * u64::from(work.depth)).unwrap_or(usize::MAX);
        let data = self.block(bytes)?;
        let AllLists { of_sizes, blocks } = self.lists(&data, slot_bytes, &work)?;
        let entries = u32::from(work.depth) + 1;
        let sq = SqOptions { entries, priority: self.priority };
        let qpair = nvme.qpair_with(sq, CqOptions { entries, vector: None })?;
        let place = self.place(&qpair, &data, slot_bytes, of_sizes, &doorbells)?;
        let queues = (qpair.id(), qpair.cq_id());
        let (file, statistics) = Page::make().map_err(not_started)?;
        let job = Job { work, place };
        let log = nvme.cmdlog();
        let child = launch(&job, data.arena_file(), doorbells.file, file, log.file())
            .map_err(not_started)?;
        let terms = Terms {
            time: self.time,
            timeout: Duration::from_nanos(job.work.timeout_ns),
            allow_errors: self.allow_errors,
        };
        let memory = [data].into_iter().chain(blocks).collect();
        let process = WorkerProcess::new(child, queues);
        let worker = IoWorker::new(process, statistics, qpair, memory, nvme, terms);
        wait_until_ready(&worker)?;
        Ok(worker)
    }

    fn place(
        &self,
        qpair: &Qpair<'_>,
        data: &Block,
        slot_bytes: u64,
        lists: Vec<Option<Lists>>,
        doorbells: &DoorbellFile<'_>,
    ) -> Result<Place> {
        let nvme = self.ns.controller();
        let shared = nvme.shared();
        let sq_tail = shared.sq_tail_doorbell(qpair.id()).into();
        let cq_head = shared.cq_head_doorbell(qpair.cq_id()).into();
        let (range, start) = doorbells.pages(&[sq_tail, cq_head]).ok_or_else(|| {
            let uri = nvme.uri();
            Error::NotApplicable(format!(
                "{uri} lets no other process map the doorbells of queue {}",
                qpair.id()
            ))
        })?;
        let (sq, cq) = qpair.rings();
        Ok(Place {
            sqid: qpair.id(),
            entries: qpair.entries(),
            sq: sq.arena_range(),
            cq: cq.arena_range(),
            data: data.arena_range(),
            data_iova: data.iova().0,
            slot_bytes,
            page: shared.page_size(),
            lists,
            doorbells: range,
            doorbells_start: start,
            sq_tail,
            cq_head,
        })
    }

    /// Memory that begins with a memory page.
    pub(super) fn block(&self, bytes: usize) -> Result<Arc<Block>> {
        let shared = self.ns.controller().shared();
        let page = usize::try_from(shared.page_size()).expect("a page fits into memory");
        Ok(shared.domain().allocate(bytes, page).map(Arc::new)?)
    }
}

fn not_started(error: std::io::Error) -> IoWorkerError {
    IoWorkerError::NotStarted(format!("its process cannot be made: {error}"))
}

/// Waits until the worker has all that it needs, or is done already.
fn wait_until_ready(worker: &IoWorker<'_>) -> Result<(), IoWorkerError> {
    let start = Instant::now();
    loop {
        // The order counts: what a process says before it ends is seen.
        let exit = worker.process().exit();
        match (worker.page().state(), exit) {
            (State::Starting, None) if START_TAKES < start.elapsed() => {
                let why = format!("its process was not ready within {START_TAKES:?}");
                return Err(IoWorkerError::NotStarted(why));
            }
            (State::Starting, None) => thread::sleep(LOOK_EVERY),
            (State::Starting, Some(exit)) => {
                let status = &exit.status;
                let why = format!("its process ended before it was ready ({status})");
                return Err(IoWorkerError::NotStarted(why));
            }
            // One that gave up says why to who joins it.
            _ => return Ok(()),
        }
    }
}
