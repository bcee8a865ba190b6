//! A device for the time of the run.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use super::arguments::Options;
use super::attempt::AFTERWARDS;
use super::attempt::Attempt;
use super::attempt::Repair;
use super::attempt::attempt;
use super::baseline::Dut;
use super::registry::Test;
use super::setup::SetupError;
use super::watchdog::Watchdog;
use crate::Controller;
use crate::Error;
use crate::Result;
use crate::Shutdown;
use crate::cmdlog::CmdLog;
use crate::cmdlog::Geometry;
use crate::memory::HugePages;
use crate::transport::DeviceUri;
use crate::transport::Scheme;

/// So often a function may lose the device before its other cases are left out.
const LOSSES: u32 = 3;

/// What every session of a run is given.
#[derive(Debug, Clone)]
pub(crate) struct Supplies {
    /// How much memory it can lend to its device, in bytes. Pages that nobody touches cost nothing.
    pub(crate) memory: usize,
    /// Whether it is in huge pages, if the device takes them.
    pub(crate) huge_pages: HugePages,
    /// Where its commands are logged.
    pub(crate) log: CmdLog,
    /// Whether it verifies the data of all namespaces.
    pub(crate) verify: bool,
}

impl Supplies {
    /// Makes what `options` ask for.
    pub(crate) fn new(options: &Options) -> Result<Self, SetupError> {
        let log = match &options.cmdlog {
            None => CmdLog::new(Geometry::default()),
            Some(path) => CmdLog::create(path, Geometry::default()),
        };
        // The error says of a file what is wrong with it, and what to do.
        let log = log.map_err(|error| SetupError::new(format!("no command log: {error}")))?;
        let Options { memory, huge_pages, verify, .. } = *options;
        Ok(Self { memory, huge_pages, log, verify })
    }
}

/// A device, its controller, and what happened to them.
#[derive(Debug)]
pub(crate) struct Session {
    scheme: Opener,
    uri: DeviceUri,
    supplies: Supplies,
    controller: Option<Controller>,
    /// Why the device was lost for good.
    lost: Option<String>,
    identity: String,
    /// MN of Identify Controller.
    model: String,
    /// FR of Identify Controller.
    firmware: String,
    /// How often each function, by file and line, lost the device.
    losses: HashMap<(&'static str, u32), u32>,
}

/// A scheme has no form for `Debug`.
struct Opener(&'static dyn Scheme);

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name())
    }
}

impl Session {
    /// Opens the device and initializes its controller.
    pub(crate) fn open(
        scheme: &'static dyn Scheme,
        uri: DeviceUri,
        supplies: Supplies,
    ) -> Result<Self, SetupError> {
        let controller = open(scheme, &uri, &supplies)?;
        let (identity, model, firmware) =
            (controller.identity(), controller.model(), controller.firmware());
        let (scheme, controller) = (Opener(scheme), Some(controller));
        Ok(Self {
            scheme,
            uri,
            supplies,
            controller,
            lost: None,
            identity,
            model,
            firmware,
            losses: HashMap::new(),
        })
    }

    pub(crate) fn uri(&self) -> &DeviceUri {
        &self.uri
    }

    /// Returns model, serial number and firmware.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// Returns what a baseline wants to know.
    pub(crate) fn dut(&self) -> Dut<'_> {
        Dut { uri: &self.uri, model: &self.model, firmware: &self.firmware }
    }

    pub(crate) fn controller(&self) -> Option<&Controller> {
        self.controller.as_ref()
    }

    /// Returns why the device is lost for good, if it is.
    pub(crate) fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// Runs `test`, or says why it cannot run.
    pub(crate) fn attempt(
        &mut self,
        test: Test,
        timeout: Duration,
        watchdog: &Watchdog,
    ) -> Result<Attempt, String> {
        let losses = self.losses.get(&place(test)).copied().unwrap_or_default();
        let lost = || self.lost.clone().unwrap_or_default();
        let nvme = self.controller.as_mut().ok_or_else(lost)?;
        if LOSSES <= losses {
            let name = test.function.name;
            return Err(format!("other cases of `{name}` lost the device {losses} times"));
        }
        Ok(attempt(nvme, test, timeout, watchdog))
    }

    /// Makes the controller fit for the next test.
    pub(crate) fn repair(&mut self, repair: Repair, after: Test, watchdog: &Watchdog) {
        watchdog.watch(&format!("the repair after {}", after.name()), 2 * AFTERWARDS);
        match repair {
            Repair::Nothing => {}
            Repair::Reset => self.reset(after),
            Repair::Renew => self.renew(after, &format!("{} was to be renewed", self.uri)),
            Repair::Reopen => self.reopen(after, &format!("{} was lost", self.uri)),
        }
    }

    /// Shuts the controller down, if there still is one, and lets go of the device.
    pub(crate) fn close(&mut self, watchdog: &Watchdog) -> Result {
        let Some(mut nvme) = self.controller.take() else { return Ok(()) };
        watchdog.watch(&format!("the shutdown of {}", self.uri), AFTERWARDS);
        nvme.set_deadline(Instant::now() + AFTERWARDS);
        let result = nvme.shut_down(Shutdown::Normal).map(drop);
        drop(nvme);
        watchdog.rest();
        result
    }

    fn reset(&mut self, after: Test) {
        let Some(nvme) = &mut self.controller else { return };
        nvme.set_deadline(Instant::now() + AFTERWARDS);
        if let Err(error) = nvme.reset_to_default().and_then(|()| nvme.health()) {
            self.reopen(after, &format!("{} could not be reset ({error})", self.uri));
        }
    }

    fn reopen(&mut self, after: Test, why: &str) {
        *self.losses.entry(place(after)).or_default() += 1;
        self.renew(after, why);
    }

    fn renew(&mut self, after: Test, why: &str) {
        // The old process, socket or lock has to go before there can be a new one.
        self.controller = None;
        match open(self.scheme.0, &self.uri, &self.supplies) {
            Ok(nvme) => {
                (self.identity, self.firmware) = (nvme.identity(), nvme.firmware());
                self.model = nvme.model();
                self.controller = Some(nvme);
            }
            Err(error) => {
                let name = after.name();
                self.lost = Some(format!("{why} in `{name}` and does not come back: {error}"));
            }
        }
    }
}

fn open(
    scheme: &'static dyn Scheme,
    uri: &DeviceUri,
    supplies: &Supplies,
) -> Result<Controller, SetupError> {
    let Supplies { memory, huge_pages, log, verify } = supplies;
    let huge_pages = if scheme.takes_huge_pages() { *huge_pages } else { HugePages::Never };
    let (arena, says) = huge_pages.arena(*memory).map_err(|error| {
        SetupError::new(format!("cannot make {memory} bytes of shared memory for {uri}: {error}"))
    })?;
    if let Some(says) = says {
        eprintln!("nvmetest: {uri}: {says}");
    }
    let arena = Arc::new(arena);
    let function = scheme.open(uri, &arena)?;
    let open = || {
        let nvme = Controller::open_with_log(function, arena, log.clone())?;
        nvme.verify_data(*verify)?;
        Ok(nvme)
    };
    open().map_err(|error: Error| {
        SetupError::new(format!("cannot initialize the controller of {uri}: {error}"))
    })
}

fn place(test: Test) -> (&'static str, u32) {
    (test.function.file, test.function.line)
}
