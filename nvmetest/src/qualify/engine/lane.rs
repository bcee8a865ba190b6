//! What the coordinator knows of one device.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use super::job::Job;
use crate::qualify::device::DeviceProcess;
use crate::qualify::device::Found;
use crate::qualify::device::Open;
use crate::qualify::device::Request;
use crate::runner::attempt::AFTERWARDS;
use crate::runner::baseline::Dut;
use crate::transport::DeviceUri;

/// How long it may take to open a device: CAP.TO is two minutes at the most (Base 3.1.4.1), and there may be resets before.
const OPENING: Duration = Duration::from_secs(180);

/// A device of the run.
#[derive(Debug)]
pub(super) struct Lane {
    /// Its place among the devices of the run.
    pub(super) device: u32,
    pub(super) uri: DeviceUri,
    open: Open,
    pub(super) process: Option<DeviceProcess>,
    pub(super) phase: Phase,
    /// When what it does has to be over.
    pub(super) until: Instant,
    /// What only this device is to run.
    pub(super) queue: VecDeque<Work>,
    pub(super) found: Option<Found>,
    /// Why it was lost for good.
    pub(super) lost: Option<String>,
    /// The test that it ran last, for what happens between tests.
    pub(super) last: Option<usize>,
}

/// What a device does.
#[derive(Debug)]
pub(super) enum Phase {
    /// Its process opens it.
    Opening,
    /// It waits for its next test.
    Idle,
    /// It is reset before this is run.
    Resetting(Work),
    /// A test runs.
    Running(Running),
    /// The next test is prepared, after what the last one did.
    Repairing,
    /// It is asked for its health, before it is closed.
    LastHealth,
    /// It is shut down.
    Closing,
    /// There is nothing more to do with it.
    Done,
}

/// A test to run: which of the plan, and which attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) item: usize,
    pub(super) attempt: u32,
}

/// A test that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) work: Work,
    pub(super) started: Instant,
    pub(super) started_ms: u64,
    /// The same, on the clock of the command log.
    pub(super) started_ns: u64,
    /// The folder for its evidence, below that of the run.
    pub(super) evidence: PathBuf,
}

impl Lane {
    pub(super) fn new(device: u32, uri: DeviceUri, job: &Job) -> Self {
        let open = Open {
            uri: uri.to_string(),
            memory: job.memory,
            verify: job.verify,
            seed: job.seed,
            grace_ms: milliseconds(job.grace),
            runner: job.runner.clone(),
        };
        Self {
            device,
            uri,
            open,
            process: None,
            phase: Phase::Idle,
            until: Instant::now(),
            queue: VecDeque::new(),
            found: None,
            lost: None,
            last: None,
        }
    }

    /// Starts a process, which opens the device.
    pub(super) fn start(&mut self) -> io::Result<()> {
        // The one before has to be gone, with all that it holds.
        self.process = None;
        self.process = Some(DeviceProcess::start(&self.open)?);
        self.enter(Phase::Opening, OPENING);
        Ok(())
    }

    /// Asks for something that leads to `phase`, and may take `time` beside the grace. A process that cannot be asked has ended,
    /// which is heard next.
    pub(super) fn ask(&mut self, request: &Request, phase: Phase, time: Duration) {
        if let Some(process) = &mut self.process {
            let _ = process.send(request);
        }
        self.enter(phase, time);
    }

    fn enter(&mut self, phase: Phase, time: Duration) {
        // The watchdog of the process has the grace to itself: it knows more.
        let grace = Duration::from_millis(self.open.grace_ms).saturating_mul(2);
        let time = time.saturating_add(AFTERWARDS).saturating_add(grace);
        self.phase = phase;
        self.until = Instant::now() + time.min(Duration::from_hours(24 * 365));
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    /// What a baseline wants to know.
    pub(super) fn dut(&self) -> Dut<'_> {
        let (model, firmware) =
            self.found.as_ref().map_or(("", ""), |found| (&*found.model, &*found.firmware));
        Dut { uri: &self.uri, model, firmware }
    }
}

pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
