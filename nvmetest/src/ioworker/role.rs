//! What the process of a worker does.
#![expect(unsafe_code, reason = "the worker maps memory that its runner made for it alone")]

use std::env;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::os::fd::RawFd;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use nix::sched::CpuSet;
use nix::sched::sched_setaffinity;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use nix::unistd::getppid;

use crate::cmdlog::CmdLog;
use crate::durability::Lane;
use crate::integrity::Table;
use crate::integrity::Writer;
use crate::memory::Cursor;
use crate::memory::Longs;
use crate::memory::Mapping;
use crate::memory::Parts;
use crate::memory::attach;
use crate::queue::panic_message;
use crate::transport::Mmio;

use super::ROLE;
use super::engine::Engine;
use super::engine::Reach;
use super::engine::Stop;
use super::job::Job;
use super::launch::ARENA;
use super::launch::DOORBELLS;
use super::launch::INTERRUPT;
use super::launch::JOURNAL;
use super::launch::LOG;
use super::launch::STATISTICS;
use super::launch::TABLE;
use super::page;
use super::page::Page;
use super::page::State;

/// Whether this program, when it is executed again, becomes what it is asked to be.
static SERVES: AtomicBool = AtomicBool::new(false);

/// Becomes a worker, if `role` is that of one; and notes that this program asks.
pub(crate) fn serve(role: Option<&str>) -> Option<ExitCode> {
    SERVES.store(true, Ordering::Relaxed);
    (role == Some(ROLE)).then(main)
}

/// Whether this program could become a worker. One that does not ask what its role is would do again what it does.
pub(super) fn is_served() -> bool {
    SERVES.load(Ordering::Relaxed)
}

fn main() -> ExitCode {
    let parent = env::args().nth(2).and_then(|pid| pid.parse().ok()).map(Pid::from_raw);
    if prctl::set_pdeathsig(Signal::SIGKILL).is_err() || parent != Some(getppid()) {
        // The parent ended before the kernel was told to watch it, and nobody reads what is said.
        return ExitCode::FAILURE;
    }
    let page = match map(STATISTICS, &(0..page::LEN as u64)) {
        Ok(mapping) => Page::new(mapping),
        Err(error) => {
            eprintln!("nvmetest: an IOWorker has no page to count in: {error}");
            return ExitCode::FAILURE;
        }
    };
    match catch_unwind(|| work(&page)) {
        Ok(Ok(())) => {
            page.set_state(State::Done);
            return ExitCode::SUCCESS;
        }
        Ok(Err(Stop::GaveUp(why))) => page.leave(State::GaveUp, &why),
        Ok(Err(Stop::Miscompare(verdict))) => page.leave(State::Miscompare, &verdict),
        Err(panic) => {
            let panic = panic_message(&*panic);
            page.leave(State::GaveUp, &format!("it panicked, please report it: {panic}"));
        }
    }
    ExitCode::FAILURE
}

fn work(page: &Page) -> Result<(), Stop> {
    let job: Job = serde_json::from_reader(io::stdin())
        .map_err(|error| format!("it cannot read its job: {error}"))?;
    let cannot_map = |what: &'static str| move |error| format!("it cannot map {what}: {error}");
    let place = &job.place;
    let sq = map(ARENA, &place.sq).map_err(cannot_map("its submission queue"))?;
    let cq = map(ARENA, &place.cq).map_err(cannot_map("its completion queue"))?;
    let data = map(ARENA, &place.data).map_err(cannot_map("its data"))?;
    let doorbells = map(DOORBELLS, &place.doorbells).map_err(cannot_map("its doorbells"))?;
    let doorbells = Mmio::new(place.doorbells_start, doorbells);
    let logs = inherited(LOG).and_then(CmdLog::from_file).map_err(cannot_map("the command log"))?;
    let data = Parts::new(data, place.slot_bytes as usize, job.work.depth.into());
    let log = logs.ring(place.sqid, place.sqid);
    let sq = Cursor::new(Longs::new(Arc::new(sq), 0, place.entries as usize));
    let cq = Cursor::new(Longs::new(Arc::new(cq), 0, place.entries as usize));
    let writer = job.work.writer.map(writer).transpose()?;
    let lane =
        job.work.lane.map(|lane| inherited(JOURNAL).and_then(|file| Lane::attach(file, lane)));
    let lane = lane.transpose().map_err(cannot_map("the journal of what is written"))?;
    let interrupt = job.work.by_interrupt.then(|| inherited(INTERRUPT)).transpose();
    let interrupt = interrupt.map_err(cannot_map("its interrupt"))?;
    stay_on(job.work.cpu)?;
    let doorbells = &doorbells;
    let reach = Reach { sq, cq, data, doorbells, log, logs, writer, lane, interrupt };
    let mut engine = Engine::new(&job, reach, page)?;
    page.set_state(State::Ready);
    engine.run()
}

/// Maps the table by which data is verified.
fn writer(id: u32) -> Result<Writer, String> {
    let file = inherited(TABLE).map_err(|error| error.to_string());
    let table = file.and_then(|file| Table::attach(file).map_err(|error| error.to_string()));
    let table =
        table.map_err(|error| format!("it cannot map what its data is verified by: {error}"))?;
    Ok(Writer::with_id(table, id))
}

/// Has the process run on one processor, if it is to.
fn stay_on(cpu: Option<usize>) -> Result<(), String> {
    let Some(cpu) = cpu else { return Ok(()) };
    let mut only = CpuSet::new();
    let pinned = only.set(cpu).and_then(|()| sched_setaffinity(Pid::from_raw(0), &only));
    pinned.map_err(|error| format!("it cannot run on processor {cpu}: {error}"))
}

/// Returns an inherited file. A device cannot be opened anew by its descriptor, so this is the one that the runner has.
fn inherited(descriptor: RawFd) -> io::Result<File> {
    // SAFETY: The runner gave it to this process, and nobody here closes it.
    let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
    Ok(File::from(descriptor.try_clone_to_owned()?))
}

/// Maps a part of an inherited file.
fn map(descriptor: RawFd, range: &Range<u64>) -> io::Result<Mapping> {
    let file = inherited(descriptor)?;
    // SAFETY: The runner that executed this process made the files and the job for it (`builder`). The ranges are
    // those of a page, queues and data that this worker has alone: the runner makes no reference to them and rings
    // none of the doorbells, but as this worker writes to a page that is forwarded. The files do not shrink: all are
    // sealed but for doorbells of a device, which are as long as it said for as long as it lives. What the queue names
    // is the data. And this process is gone before any of that is used for something else: see the module `ioworker`.
    unsafe { attach(file, range) }
}
