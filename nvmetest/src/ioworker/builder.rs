//! What a worker is to do, and how it starts.

use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use zerocopy::IntoBytes;

use crate::Error;
use crate::Namespace;
use crate::Qpair;
use crate::Result;
use crate::controller::nanoseconds;
use crate::memory::Block;
use crate::memory::prp;
use crate::memory::prp::Prps;
use crate::transport::DoorbellFile;

use super::IoWorker;
use super::IoWorkerError;
use super::handle::Terms;
use super::job::Job;
use super::job::Lists;
use super::job::Place;
use super::job::Work;
use super::launch::launch;
use super::page::Page;
use super::page::State;
use super::process::LOOK_EVERY;
use super::process::WorkerProcess;
use super::role;

/// How long the process may take until it is ready.
const START_TAKES: Duration = Duration::from_secs(10);

/// How many bytes a command transfers that is not told.
const IO_BYTES: usize = 4096;

/// The most blocks that a command can name (NVM 3.3.4, NLB).
const MOST_BLOCKS: u32 = 1 << 16;

/// A worker that is not started: what it is to do.
///
/// It says for how long it works by [`count`](Self::count), [`time`](Self::time), or both: the first to be reached ends it.
#[derive(Debug, Clone)]
#[must_use]
pub struct IoWorkerBuilder<'c> {
    ns: Namespace<'c>,
    io_blocks: u32,
    region: Range<u64>,
    read_percentage: u8,
    random: bool,
    depth: u16,
    count: Option<u64>,
    time: Option<Duration>,
    seed: u64,
    allow_errors: bool,
}

impl<'c> Namespace<'c> {
    /// Describes a worker, a process that drives I/O on this namespace: random reads of 4 KiB, 64 at a time, unless
    /// it is told otherwise. See [`ioworker`](crate::ioworker).
    pub fn ioworker(&self) -> IoWorkerBuilder<'c> {
        let mqes_z = self.controller().capabilities().cap.mqes_z();
        IoWorkerBuilder {
            ns: *self,
            io_blocks: u32::try_from(IO_BYTES / self.block()).unwrap_or(1).max(1),
            region: 0..self.capacity(),
            read_percentage: 100,
            random: true,
            depth: mqes_z.clamp(1, 64),
            count: None,
            time: None,
            seed: crate::runner::seed(),
            allow_errors: false,
        }
    }
}

impl<'c> IoWorkerBuilder<'c> {
    /// How many of a hundred commands are reads, on average: 0 to 100. The others are writes.
    ///
    /// Each block that is written begins with its LBA and then the seed, each as eight bytes, little-endian; what the
    /// rest holds is not defined yet.
    pub fn read_percentage(mut self, percentage: u8) -> Self {
        self.read_percentage = percentage;
        self
    }

    /// Commands name places of the region at random, each as likely as the other.
    pub fn random(mut self) -> Self {
        self.random = true;
        self
    }

    /// Commands name the places of the region in ascending order, again and again.
    pub fn sequential(mut self) -> Self {
        self.random = false;
        self
    }

    /// How many commands are in flight, at the most: 1 to CAP.MQES.
    pub fn depth(mut self, depth: u16) -> Self {
        self.depth = depth;
        self
    }

    /// The logical blocks that commands name. Places are a whole number of commands from its start; what is left
    /// at the end is not used.
    pub fn region(mut self, region: Range<u64>) -> Self {
        self.region = region;
        self
    }

    /// How many logical blocks a command transfers: 1 to 65,536, and no more than MDTS allows.
    pub fn io_blocks(mut self, blocks: u32) -> Self {
        self.io_blocks = blocks;
        self
    }

    /// How many commands there are to be.
    pub fn count(mut self, commands: u64) -> Self {
        self.count = Some(commands);
        self
    }

    /// For how long commands are submitted. Those that are in flight then are still waited for.
    pub fn time(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// What is drawn at random is drawn from this; otherwise from the seed of the run.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Commands may fail: [`IoWorker::join`] gives the statistics all the same.
    pub fn allow_errors(mut self) -> Self {
        self.allow_errors = true;
        self
    }

    /// Starts the worker.
    ///
    /// # Errors
    ///
    /// Fails before anything is started if the worker cannot do what was asked of it, if the doorbells of the
    /// device cannot be mapped by another process (then the test is not applicable), or if this program would not become a
    /// worker when it is executed again; and if there is no memory, no queue or no process to be had.
    #[track_caller]
    pub fn start(self) -> Result<IoWorker<'c>> {
        self.check().map_err(IoWorkerError::Impossible)?;
        let nvme = self.ns.controller();
        let shared = nvme.shared();
        if shared.verified().is_on() {
            let why = "data is verified, and nobody takes note of what a worker writes yet: end it with \
                       `ns.verify_data(false)` first";
            return Err(IoWorkerError::Impossible(why.to_owned()).into());
        }
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
        let work = self.work(shared.timeout_ns());
        let page = shared.page_size();
        let slot_bytes = (work.io_bytes() as u64).next_multiple_of(page);
        let bytes = usize::try_from(slot_bytes * u64::from(work.depth)).unwrap_or(usize::MAX);
        let data = self.block(bytes)?;
        let lists = self.lists(&data, slot_bytes, &work)?;
        let qpair = nvme.qpair(work.depth)?;
        let list_block = lists.as_ref().map(|(_, block)| block.clone());
        let lists = lists.map(|(lists, _)| lists);
        let place = self.place(&qpair, &data, slot_bytes, lists, &doorbells)?;
        let queues = (qpair.id(), qpair.cq_id());
        let (file, statistics) = Page::make().map_err(not_started)?;
        let job = Job { work, place };
        let child = launch(&job, data.arena_file(), doorbells.file, file).map_err(not_started)?;
        let terms = Terms {
            time: self.time,
            timeout: Duration::from_nanos(job.work.timeout_ns),
            allow_errors: self.allow_errors,
        };
        let memory = [Some(data), list_block].into_iter().flatten().collect();
        let process = WorkerProcess::new(child, queues);
        let worker = IoWorker::new(process, statistics, qpair, memory, nvme, terms);
        wait_until_ready(&worker)?;
        Ok(worker)
    }

    /// Says what of it cannot be.
    fn check(&self) -> Result<(), String> {
        let (ns, region) = (&self.ns, &self.region);
        let nvme = ns.controller();
        let mqes_z = nvme.capabilities().cap.mqes_z();
        if !ns.is_current() {
            return Err("the namespace was formatted since it was identified".to_owned());
        }
        if nvme.shared().is_changing() {
            return Err(
                "a command is in flight that may change the namespace: wait for it".to_owned()
            );
        }
        if ns.has_metadata() {
            return Err("its blocks have metadata, which workers do not know yet".to_owned());
        }
        if self.depth == 0 {
            return Err("a depth of 0 is no command at all".to_owned());
        }
        if mqes_z < self.depth {
            let depth = self.depth;
            return Err(format!("a queue holds {mqes_z} commands (CAP.MQES) and not {depth}"));
        }
        if 100 < self.read_percentage {
            return Err(format!("{} of a hundred commands are to be reads", self.read_percentage));
        }
        if !(1..=MOST_BLOCKS).contains(&self.io_blocks) {
            return Err(format!("a command is for 1 to 65,536 blocks, not {}", self.io_blocks));
        }
        let bytes = u64::from(self.io_blocks) * ns.block() as u64;
        if let Some(most) = nvme.capabilities().max_transfer()
            && most < bytes
        {
            return Err(format!("a command transfers {most} bytes (MDTS) and not {bytes}"));
        }
        if ns.capacity() < region.end {
            return Err(format!(
                "the region {region:?} ends beyond the {} blocks of the namespace",
                ns.capacity()
            ));
        }
        if region.end.saturating_sub(region.start) < self.io_blocks.into() {
            return Err(format!(
                "the region {region:?} has no room for a command of {} blocks",
                self.io_blocks
            ));
        }
        if self.count.is_none() && self.time.is_none() {
            return Err("nothing says when it is to end: name a count or a time".to_owned());
        }
        if self.count == Some(0) || self.time == Some(Duration::ZERO) {
            return Err("no command and no time are nothing to do".to_owned());
        }
        Ok(())
    }

    fn work(&self, timeout_ns: u64) -> Work {
        Work {
            nsid: self.ns.nsid(),
            block: self.ns.block(),
            io_blocks: self.io_blocks,
            region: self.region.clone(),
            read_percentage: self.read_percentage,
            random: self.random,
            depth: self.depth,
            count: self.count,
            time_ns: self.time.map(nanoseconds),
            seed: self.seed,
            timeout_ns,
        }
    }

    fn place(
        &self,
        qpair: &Qpair<'_>,
        data: &Block,
        slot_bytes: u64,
        lists: Option<Lists>,
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

    /// Writes the PRP Lists of all slots, where two entries are not enough.
    fn lists(
        &self,
        data: &Block,
        slot_bytes: u64,
        work: &Work,
    ) -> Result<Option<(Lists, Arc<Block>)>> {
        let page = self.ns.controller().shared().page_size();
        if work.io_bytes() as u64 <= 2 * page {
            return Ok(None);
        }
        let depth = u64::from(work.depth);
        // A list of so many pages has less pointers to its next page than entries, twice the entries are enough.
        let entries = slot_bytes / page;
        let list_bytes = (2 * entries * size_of::<u64>() as u64).next_multiple_of(page);
        let bytes = usize::try_from(list_bytes * depth).unwrap_or(usize::MAX);
        let block = self.block(bytes)?;
        for slot in 0..depth {
            let piece = (data.iova().0 + slot * slot_bytes, work.io_bytes());
            let at = slot * list_bytes;
            let Ok(Prps::List(_, entries)) = prp::entries(&[piece], page) else {
                unreachable!("one piece of more than two pages that starts with a page has a list");
            };
            let list = prp::lay_out(&entries, block.iova().0 + at, page);
            let list: Vec<u64> = list.into_iter().map(u64::to_le).collect();
            block.write(at as usize, list.as_bytes());
        }
        Ok(Some((Lists { iova: block.iova().0, slot_bytes: list_bytes }, block)))
    }

    /// Memory that begins with a memory page.
    fn block(&self, bytes: usize) -> Result<Arc<Block>> {
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
