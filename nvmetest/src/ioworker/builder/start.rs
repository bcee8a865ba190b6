//! How a worker starts.

use std::os::fd::AsFd;
use std::panic::Location;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::CqOptions;
use crate::Qpair;
use crate::Result;
use crate::SqOptions;
use crate::durability::WorkerLane;
use crate::integrity::Writer;
use crate::ioworker::IoWorker;
use crate::ioworker::IoWorkerError;
use crate::ioworker::doorbell::DoorbellMap;
use crate::ioworker::doorbell::Doorbells;
use crate::ioworker::handle::Terms;
use crate::ioworker::job::Job;
use crate::ioworker::job::Lists;
use crate::ioworker::job::Place;
use crate::ioworker::launch::Others;
use crate::ioworker::launch::launch;
use crate::ioworker::page::Page;
use crate::ioworker::page::State;
use crate::ioworker::process::LOOK_EVERY;
use crate::ioworker::process::WorkerProcess;
use crate::ioworker::role;
use crate::memory::Block;

use super::IoWorkerBuilder;
use super::lists::AllLists;

/// How long the process may take until it is ready.
const START_TAKES: Duration = Duration::from_secs(10);

impl<'c> IoWorkerBuilder<'c> {
    /// Starts the worker.
    ///
    /// # Errors
    ///
    /// Fails before anything is started if the worker cannot do what was asked of it, or if this program would not
    /// become a worker when it is executed again; and if there is no memory, no queue or no process to be had. Where the
    /// controller lacks what it takes (a command, SGLs), the test is not applicable.
    #[track_caller]
    pub fn start(self) -> Result<IoWorker<'c>> {
        let nvme = self.ns.controller();
        let mut work = self.check(nvme.cmdlog().site(Location::caller()))?;
        let shared = nvme.shared();
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
        let qpair = nvme.qpair_with(
            sq,
            CqOptions { entries, vector: self.interrupt.map(|(_, vector)| vector) },
        )?;
        let queues = (qpair.id(), qpair.cq_id());
        let registers =
            [shared.sq_tail_doorbell(queues.0), shared.cq_head_doorbell(queues.1)].map(u64::from);
        let doorbells = Doorbells::reach(nvme.function(), registers, qpair.entries());
        let Doorbells { file: doorbells, map, lane } = doorbells.map_err(not_started)?;
        let place = self.place(&qpair, &data, slot_bytes, of_sizes, map);
        let (file, statistics) = Page::make().map_err(not_started)?;
        let verified = shared.verified().find(self.ns.nsid());
        let writer = verified.map(|checker| checker.writer.table().writer()).transpose()?;
        work.writer = writer.as_ref().map(Writer::id);
        let recorded = shared.recorded().find(self.ns.nsid());
        let noted_in = recorded.map(|record| record.open_lane()).transpose()?;
        work.lane = noted_in.as_ref().map(WorkerLane::number);
        let job = Job { work, place };
        let log = nvme.cmdlog();
        let others = Others {
            table: writer.as_ref().map(|writer| writer.table().file().as_fd()),
            journal: noted_in.as_ref().map(|lane| lane.file().as_fd()),
            interrupt: self.interrupt.and_then(|(interrupts, vector)| interrupts.eventfd(vector)),
        };
        let child = launch(&job, data.arena_file(), doorbells.as_fd(), file, log.file(), &others)
            .inspect_err(|_| noted_in.iter().for_each(WorkerLane::end))
            .map_err(not_started)?;
        let terms = Terms {
            time: self.time,
            timeout: Duration::from_nanos(job.work.timeout_ns),
            allow_errors: self.allow_errors,
            told: job.work.in_short(),
            writer,
            lane: noted_in,
        };
        let memory = [data].into_iter().chain(blocks).collect();
        let process = WorkerProcess::new(child, queues);
        if let Some(lane) = lane {
            process.forward(shared.workers().forwarder(), lane).map_err(not_started)?;
        }
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
        doorbells: DoorbellMap,
    ) -> Place {
        let page = self.ns.controller().shared().page_size();
        let (sq, cq) = qpair.rings();
        Place {
            sqid: qpair.id(),
            entries: qpair.entries(),
            sq: sq.arena_range(),
            cq: cq.arena_range(),
            data: data.arena_range(),
            data_iova: data.iova().0,
            slot_bytes,
            page,
            lists,
            doorbells: doorbells.range,
            doorbells_start: doorbells.start,
            sq_tail: doorbells.sq_tail,
            cq_head: doorbells.cq_head,
        }
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
