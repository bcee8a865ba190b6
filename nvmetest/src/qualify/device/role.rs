//! What a device process does.

use std::env;
use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use nix::unistd::getppid;

use super::ARGUMENT;
use super::LOG;
use super::protocol::Answer;
use super::protocol::Found;
use super::protocol::Open;
use super::protocol::Ran;
use super::protocol::Request;
use super::protocol::RunTest;
use crate::cmdlog::CmdLog;
use crate::cmdlog::now_ns;
use crate::controller::interruption;
use crate::memory::HugePages;
use crate::qualify::choices;
use crate::qualify::health;
use crate::runner::arguments::scheme;
use crate::runner::attempt::Repair;
use crate::runner::evidence;
use crate::runner::registry;
use crate::runner::registry::Test;
use crate::runner::session::Session;
use crate::runner::session::Supplies;
use crate::runner::setup::SetupError;
use crate::runner::shuffle;
use crate::runner::verdict::Finding;
use crate::runner::watchdog::Watchdog;
use crate::transport::DeviceUri;
use crate::transport::Scheme;

/// Becomes a device process, if this one was started as such.
pub(crate) fn serve(schemes: &[&'static dyn Scheme]) -> Option<ExitCode> {
    let mut arguments = env::args().skip(1);
    if arguments.next()? != ARGUMENT {
        return None;
    }
    let parent = arguments.next().and_then(|pid| pid.parse().ok()).map(Pid::from_raw);
    if prctl::set_pdeathsig(Signal::SIGKILL).is_err() || parent != Some(getppid()) {
        // The coordinator ended before the kernel was told to watch it, and nobody reads what is said.
        return Some(ExitCode::FAILURE);
    }
    Some(match converse(schemes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nvmetest: the process of a device ends: {error}");
            ExitCode::FAILURE
        }
    })
}

/// Answers requests until there are no more.
fn converse(schemes: &[&'static dyn Scheme]) -> io::Result<()> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let voice = Voice(Arc::new(Mutex::new(socket.try_clone()?)));
    let requests = hear(socket)?;
    let Ok(Request::Open(open)) = requests.recv() else { return Ok(()) };
    let mut device = match Device::open(schemes, &open, &voice) {
        Ok(device) => device,
        Err(error) => return voice.say(&Answer::NotOpened(error.to_string())),
    };
    voice.say(&Answer::Opened(Box::new(device.found())))?;
    for request in requests {
        match request {
            Request::Run(run) => device.run(&run, &voice)?,
            Request::Reset(test) => {
                let Some(test) = device.test(&test) else { continue };
                device.repair(Repair::Reset, test);
                voice.say(&device.ready())?;
            }
            Request::Health => voice.say(&Answer::Health(device.health()))?,
            Request::Close => {
                interruption::end();
                let failed = device.session.close(&device.watchdog).err();
                return voice.say(&Answer::Closed(failed.map(|error| error.to_string())));
            }
            Request::Open(_) | Request::Interrupt => {}
        }
    }
    Ok(())
}

/// What is said to the coordinator, by the main thread and by the watchdog.
#[derive(Debug, Clone)]
struct Voice(Arc<Mutex<UnixStream>>);

impl Voice {
    fn say(&self, answer: &Answer) -> io::Result<()> {
        let mut line = serde_json::to_vec(answer)?;
        line.push(b'\n');
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
    }
}

/// Hears requests in a thread of its own: an interruption is for the test that runs.
fn hear(socket: UnixStream) -> io::Result<Receiver<Request>> {
    let (sender, requests) = mpsc::channel();
    let listen = move || {
        for line in BufReader::new(socket).lines() {
            let Ok(line) = line else { return };
            match serde_json::from_str(&line) {
                Ok(Request::Interrupt) => interruption::begin(),
                Ok(request) => {
                    if sender.send(request).is_err() {
                        return;
                    }
                }
                // It was no coordinator that wrote this.
                Err(_) => return,
            }
        }
    };
    thread::Builder::new().name("requests".to_owned()).spawn(listen)?;
    Ok(requests)
}

/// The device, and what the tests on it need.
struct Device {
    session: Session,
    tests: Vec<(String, Test)>,
    watchdog: Watchdog,
    verify: bool,
    runner: Vec<String>,
    /// Who it was when the coordinator was told last.
    known: Option<Found>,
}

impl Device {
    fn open(
        schemes: &[&'static dyn Scheme],
        open: &Open,
        voice: &Voice,
    ) -> Result<Self, SetupError> {
        shuffle::choose(open.seed);
        let uri: DeviceUri = open.uri.parse()?;
        let cannot = |error: io::Error| SetupError::new(format!("no command log: {error}"));
        let log = File::options().read(true).write(true).open(format!("/proc/self/fd/{LOG}"));
        let log = log.and_then(CmdLog::from_file).map_err(cannot)?;
        let huge_pages = HugePages::default();
        let supplies = Supplies { memory: open.memory, huge_pages, log, verify: open.verify };
        let tests = registry::tests()?.into_iter().map(|test| (test.name(), test)).collect();
        let voice = voice.clone();
        let overrun = move |what: &str| {
            // A coordinator that does not hear it sees the process end.
            let _ = voice.say(&Answer::Overran(what.to_owned()));
            process::exit(1);
        };
        let watchdog = Watchdog::start(Duration::from_millis(open.grace_ms), overrun)
            .map_err(|error| SetupError::new(format!("cannot start a thread: {error}")))?;
        let session = Session::open(scheme(schemes, &uri)?, uri, supplies)?;
        let mut device = Self {
            session,
            tests,
            watchdog,
            verify: open.verify,
            runner: open.runner.clone(),
            known: None,
        };
        device.known = Some(device.found());
        Ok(device)
    }

    fn test(&self, name: &str) -> Option<Test> {
        self.tests.iter().find(|(known, _)| known == name).map(|(_, test)| *test)
    }

    /// Runs a test, and says what became of it; makes the device fit for the next, and says so.
    fn run(&mut self, run: &RunTest, voice: &Voice) -> io::Result<()> {
        let Some(test) = self.test(&run.test) else {
            let finding = Finding::new(
                crate::runner::Verdict::Blocked,
                format!("this program has no test `{}`", run.test),
            );
            voice.say(&Answer::Ran(Box::new(self.ran(run, finding, Duration::ZERO))))?;
            return voice.say(&self.ready());
        };
        let start = Instant::now();
        let timeout = Duration::from_millis(run.timeout_ms);
        let (finding, repair) = match self.session.attempt(test, timeout, &self.watchdog) {
            Ok(attempt) => (attempt.finding, attempt.repair),
            Err(reason) => (Finding::new(crate::runner::Verdict::Blocked, reason), Repair::Nothing),
        };
        let took = start.elapsed();
        interruption::end();
        voice.say(&Answer::Ran(Box::new(self.ran(run, finding, took))))?;
        self.repair(repair, test);
        voice.say(&self.ready())
    }

    fn ran(&self, run: &RunTest, mut finding: Finding, took: Duration) -> Ran {
        let ended_ns = now_ns();
        let function = self.test(&run.test).map(|test| test.function);
        let mut evidence = Ok(false);
        if finding.verdict.is_failure() {
            if let Some(clause) = function.and_then(|function| function.spec) {
                finding.message += &format!("\nclause: {clause}");
            }
            evidence = self.leave(run, &finding).map(|()| true).map_err(|error| error.to_string());
        }
        let figures = self.session.controller().map(|nvme| nvme.take_figures());
        let (measured, workers) = figures.unwrap_or_default();
        Ran {
            verdict: finding.verdict,
            message: finding.message,
            took_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            ended_ns,
            evidence,
            measured,
            workers,
        }
    }

    fn leave(&self, run: &RunTest, finding: &Finding) -> io::Result<()> {
        let uri = self.session.uri();
        let rerun = evidence::rerun(&self.runner, &run.test, uri, self.verify);
        evidence::leave(&run.evidence, &run.test, uri, finding, &rerun)?;
        self.session.controller().map_or(Ok(()), |nvme| nvme.evidence(&run.evidence))
    }

    fn repair(&mut self, repair: Repair, after: Test) {
        self.session.repair(repair, after, &self.watchdog);
        self.watchdog.rest();
    }

    fn ready(&mut self) -> Answer {
        let lost = self.session.lost().map(str::to_owned);
        let found = self.found();
        let anew = (lost.is_none() && self.known.as_ref() != Some(&found)).then(|| found.clone());
        self.known = Some(found);
        Answer::Ready { lost, anew: anew.map(Box::new) }
    }

    fn found(&self) -> Found {
        let Some(nvme) = self.session.controller() else {
            return self.known.clone().unwrap_or_else(Found::nothing);
        };
        let capabilities = nvme.capabilities();
        Found {
            model: nvme.model(),
            serial: capabilities.controller.sn.text(),
            firmware: nvme.firmware(),
            version: capabilities.vs.to_string(),
            choices: choices::of(nvme),
        }
    }

    fn health(&self) -> Result<std::collections::BTreeMap<String, u64>, String> {
        let nvme = self.session.controller().ok_or("the device is lost")?;
        self.watchdog.watch("the health of the device", crate::runner::attempt::AFTERWARDS);
        nvme.set_deadline(Instant::now() + crate::runner::attempt::AFTERWARDS);
        let health = health::of(nvme).map_err(|error| error.to_string());
        self.watchdog.rest();
        health
    }
}

impl Found {
    fn nothing() -> Self {
        let (model, serial, firmware, version, choices) = Default::default();
        Self { model, serial, firmware, version, choices }
    }
}
