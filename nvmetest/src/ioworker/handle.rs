//! A worker that was started.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::Qpair;
use crate::Result;
use crate::cmdlog::Record;
use crate::cmdlog::Selection;
use crate::controller::Controller;
use crate::durability::WorkerLane;
use crate::integrity::Writer;
use crate::memory::Block;

use super::IoWorkerError;
use super::Statistics;
use super::forwarder::Trouble;
use super::live::end;
use super::page::Page;
use super::page::State;
use super::process::Exit;
use super::process::LOOK_EVERY;
use super::process::WorkerProcess;
use super::progress::Progress;

/// How much longer than it should a worker may take.
const GRACE: Duration = Duration::from_secs(5);

/// How often a worker is looked at, however long it has worked.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_millis(10);

/// How many commands an error has: as many as there could be in flight, mostly.
const LAST_COMMANDS: usize = 64;

/// How long a worker may be stopped. A debugger does it otherwise, and a shell stops its runner with it.
const STOPPED: Duration = Duration::from_secs(2);

/// A process that drives I/O, and the queue pair that it does so with.
///
/// It borrows the controller: as long as the handle lives, the controller can be neither reset nor moved nor dropped. When
/// the handle is dropped the process is killed and the queues are deleted.
#[must_use = "a worker is killed when its handle is dropped; `join` waits for it"]
pub struct IoWorker<'c> {
    process: Rc<WorkerProcess>,
    page: Page,
    /// Taken when the process has ended.
    qpair: Option<Qpair<'c>>,
    /// The data, and the PRP Lists if there are any. `Shared` has them, too.
    memory: Vec<Arc<Block>>,
    controller: &'c Controller,
    terms: Terms,
    started: Instant,
}

/// What the runner has to know of the job.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    /// For how long it works, if that is known.
    pub(super) time: Option<Duration>,
    /// For how long nothing may complete.
    pub(super) timeout: Duration,
    pub(super) allow_errors: bool,
    /// What it was told, in short.
    pub(super) told: String,
    /// Who it is in the table by which its data is verified, if it is.
    pub(super) writer: Option<Writer>,
    /// Where it notes what it does to blocks, if that is followed.
    pub(super) lane: Option<WorkerLane>,
}

impl<'c> IoWorker<'c> {
    pub(super) fn new(
        process: WorkerProcess,
        page: Page,
        qpair: Qpair<'c>,
        memory: Vec<Arc<Block>>,
        controller: &'c Controller,
        terms: Terms,
    ) -> Self {
        let (process, started) = (Rc::new(process), Instant::now());
        let shared = controller.shared();
        shared.workers().add(&process);
        memory.iter().for_each(|block| shared.park(block.clone()));
        Self { process, page, qpair: Some(qpair), memory, controller, terms, started }
    }

    pub(super) fn process(&self) -> &WorkerProcess {
        &self.process
    }

    pub(super) fn page(&self) -> &Page {
        &self.page
    }

    /// Returns the identifier of the process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Returns how many commands have completed so far.
    pub fn completed(&self) -> u64 {
        self.take_notes();
        self.page.completed()
    }

    /// Returns what the worker has counted so far. It goes on meanwhile, so that two numbers may not agree by some commands.
    pub fn statistics(&self) -> Statistics {
        self.take_notes();
        self.page.read()
    }

    /// Returns the last `count` commands of the worker that the command log has, in the order of their submission.
    pub fn last_commands(&self, count: usize) -> Vec<Record> {
        let own = Selection::all().process(self.pid()).last(count);
        self.controller.cmdlog().records(&own)
    }

    /// Waits until the worker is done, and returns what it counted.
    ///
    /// # Errors
    ///
    /// Fails if commands failed, unless that was [allowed](super::IoWorkerBuilder::allow_errors); if the worker gave
    /// up, died, or was ended by what the session did; if it hangs: it shows no sign of life for the time
    /// that a command may take, or its own time is over, and some seconds more, or its process is stopped for two; and if
    /// the device is lost or the test's time is over.
    pub fn join(self) -> Result<Statistics> {
        let outcome = self.wait();
        self.controller.shared().figures().add_worker(&self.terms.told, &self.statistics());
        if outcome.is_err() {
            // A worker that lost its device blames what it saw of it; the device itself says more.
            self.controller.function().check_alive()?;
        }
        outcome
    }

    /// As [`join`](Self::join).
    ///
    /// # Errors
    ///
    /// Fails as [`join`](Self::join) does.
    pub fn close(self) -> Result<Statistics> {
        self.join()
    }

    fn wait(&self) -> Result<Statistics> {
        let Terms { time, timeout, .. } = self.terms;
        let patience = timeout.saturating_add(GRACE);
        let limit = time.map(|time| time.saturating_add(patience));
        let look = || (self.completed(), self.page.heartbeat());
        let mut progress = (look(), Instant::now());
        let mut stopped = Duration::ZERO;
        let mut line = Progress::for_terminal(self.pid());
        loop {
            if let Some(exit) = self.process.exit() {
                return Ok(self.outcome(exit)?);
            }
            let seen = look();
            if seen != progress.0 {
                progress = (seen, Instant::now());
            }
            if let Some(line) = &mut line {
                line.look(self.started.elapsed(), seen.0, time);
            }
            if limit.is_some_and(|limit| limit < self.started.elapsed()) {
                return Err(self.hung("it did not end, though its time was over", self.started));
            }
            if patience < progress.1.elapsed() {
                return Err(self.hung("it showed no sign of life", progress.1));
            }
            // Counted in looks and not by the clock: this process may have been stopped as well.
            let nap = self.nap();
            stopped = if self.process.is_stopped() { stopped + nap } else { Duration::ZERO };
            if STOPPED < stopped {
                return Err(self.hung("its process was stopped by a signal", progress.1));
            }
            match self.process.trouble() {
                Some(Trouble::Transport(error)) => return Err(error.into()),
                Some(Trouble::Nonsense(why)) => {
                    return Err(self.ended(why).into());
                }
                None => {}
            }
            let waiting_for = || Some(format!("IOWorker {}", self.pid()));
            if let Some(error) = self.controller.trouble(waiting_for) {
                return Err(error);
            }
            thread::sleep(nap);
        }
    }

    /// How long to sleep until the next look. Each one costs the worker, where processors are few, so that they are the rarer the
    /// longer it has worked; but notes are to be taken in time.
    fn nap(&self) -> Duration {
        if self.terms.lane.is_some() {
            return LOOK_EVERY;
        }
        (self.started.elapsed() / 64).clamp(LOOK_EVERY, LOOK_AT_LEAST_EVERY)
    }

    /// Takes what the worker has noted of its commands, so that there is room for more.
    fn take_notes(&self) {
        if let Some(lane) = &self.terms.lane {
            lane.take();
        }
    }

    fn outcome(&self, exit: &Exit) -> Result<Statistics, IoWorkerError> {
        if let Some(why) = self.process.ended() {
            return Err(self.ended(why.to_owned()));
        }
        let (pid, statistics, last_commands) = self.remains();
        match self.page.state() {
            State::Done if exit.success => {}
            State::Miscompare => {
                let verdict = self.page.message();
                return Err(IoWorkerError::Miscompare { pid, statistics, verdict });
            }
            State::GaveUp => {
                let why = self.page.message();
                return Err(IoWorkerError::GaveUp { pid, statistics, last_commands, why });
            }
            _ => {
                let status = exit.status.clone();
                return Err(IoWorkerError::Died { pid, statistics, last_commands, status });
            }
        }
        if statistics.errors != 0 && !self.terms.allow_errors {
            return Err(IoWorkerError::Commands { statistics });
        }
        Ok(*statistics)
    }

    fn ended(&self, why: String) -> IoWorkerError {
        let (pid, statistics, last_commands) = self.remains();
        IoWorkerError::Ended { pid, statistics, last_commands, why }
    }

    fn hung(&self, what: &'static str, since: Instant) -> crate::Error {
        let after = since.elapsed();
        let (pid, statistics, last_commands) = self.remains();
        IoWorkerError::Hung { pid, statistics, last_commands, what, after }.into()
    }

    /// What is left of a worker, whatever became of it.
    fn remains(&self) -> (u32, Box<Statistics>, Vec<Record>) {
        (self.pid(), Box::new(self.statistics()), self.last_commands(LAST_COMMANDS))
    }
}

impl Drop for IoWorker<'_> {
    fn drop(&mut self) {
        let shared = self.controller.shared();
        // First the process, then its queues, and then what they were lent.
        if let Some(complaint) = end(&self.process, "its handle was dropped") {
            shared.complain(complaint);
        }
        let Some(qpair) = self.qpair.take() else { return };
        let sqid = qpair.id();
        drop(qpair);
        // A queue that could not be deleted may still have commands, until the controller is disabled.
        if !shared.queues().has_sq(sqid) {
            shared.workers().remove(&self.process);
            self.memory.iter().for_each(|block| shared.unpark(block));
            // What it had in flight is old or new.
            if let Some(writer) = &self.terms.writer {
                writer.table().end_writer(writer.id());
            }
            if let Some(lane) = &self.terms.lane {
                lane.end();
            }
        }
    }
}

impl fmt::Debug for IoWorker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoWorker")
            .field("process", &self.process)
            .field("qpair", &self.qpair)
            .field("completed", &self.completed())
            .finish_non_exhaustive()
    }
}
