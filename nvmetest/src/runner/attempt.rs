//! One test, and what it left behind.

use std::time::Duration;
use std::time::Instant;

use super::panics;
use super::registry::Test;
use super::verdict::Finding;
use super::verdict::Verdict;
use super::watchdog::Watchdog;
use crate::Controller;
use crate::Error;
use crate::Result;

/// How long the checks after a test, its repair, and the shutdown may take.
pub(crate) const AFTERWARDS: Duration = Duration::from_secs(30);

/// What came of running a test once.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) finding: Finding,
    pub(crate) repair: Repair,
}

/// What the controller needs before the next test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repair {
    Nothing,
    Reset,
    /// Another device of the same kind, for what a reset does not end.
    Renew,
    /// The same, after the device was lost.
    Reopen,
}

/// Runs `test` and checks that the controller is as it was.
pub(crate) fn attempt(
    nvme: &mut Controller,
    test: Test,
    timeout: Duration,
    watchdog: &Watchdog,
) -> Attempt {
    watchdog.watch(&test.name(), timeout);
    nvme.set_deadline(Instant::now() + timeout);
    nvme.begin(&test.name());
    let finding = body(nvme, test, timeout);
    watchdog.watch(&format!("the check after {}", test.name()), AFTERWARDS);
    nvme.set_deadline(Instant::now() + AFTERWARDS);
    afterwards(nvme, finding)
}

fn body(nvme: &mut Controller, test: Test, timeout: Duration) -> Finding {
    let start = Instant::now();
    let result = panics::catch(|| {
        check_requirements(nvme, test)?;
        (test.case.run)(nvme)
    });
    let took = start.elapsed();

    let mut finding = match result {
        Ok(Ok(())) => Finding::pass(),
        Ok(Err(error)) => error.into(),
        Err(panic) => Finding::new(Verdict::Fail, panic),
    };
    if timeout <= took && matches!(finding.verdict, Verdict::Pass | Verdict::Fail) {
        let message = format!("the test took {took:.1?}, and may take {timeout:?}");
        let reason = std::mem::replace(&mut finding, Finding::new(Verdict::Timeout, message));
        if !reason.message.is_empty() {
            finding.worsen(Verdict::Timeout, &reason.message);
        }
    }
    finding
}

fn check_requirements(nvme: &Controller, test: Test) -> Result {
    for capability in test.function.requires {
        if let Some(reason) = capability.missing(nvme.capabilities()) {
            return Err(Error::NotApplicable(reason));
        }
    }
    Ok(())
}

fn afterwards(nvme: &Controller, mut finding: Finding) -> Attempt {
    let faults = dma_faults(nvme, &mut finding);
    let attempt = check(nvme, finding);
    match attempt.repair {
        // Nobody knows what else a device does that uses addresses which it was not given.
        Repair::Nothing if faults => Attempt { repair: Repair::Reset, ..attempt },
        _ => attempt,
    }
}

/// Adds the addresses that the device used and was not given, as far as the test does not say so itself.
fn dma_faults(nvme: &Controller, finding: &mut Finding) -> bool {
    let faults = nvme.dma_findings();
    for fault in &faults {
        if !finding.message.contains(fault) {
            finding.worsen(Verdict::Fail, fault);
        }
    }
    !faults.is_empty()
}

fn check(nvme: &Controller, mut finding: Finding) -> Attempt {
    if finding.verdict == Verdict::DutLost {
        return Attempt { finding, repair: Repair::Reopen };
    }
    if let Err(error) = nvme.health() {
        let (verdict, repair) = match error {
            // Alive and disabled: the test left it so.
            Error::Failed(_) => (Verdict::Fail, Repair::Reset),
            // A controller with a fatal status is to be reset (Base 9.5).
            Error::Fatal(_) => (Verdict::DutLost, Repair::Reset),
            _ => (Verdict::DutLost, Repair::Reopen),
        };
        finding.worsen(verdict, &format!("after the test: {error}"));
        return Attempt { finding, repair };
    }
    let repair = match nvme.leaks() {
        // A reset should end event requests, and not every controller that cannot abort them does that.
        Ok(leaks)
            if leaks.is_empty()
                && nvme.keeps_event_requests()
                && nvme.capabilities().transport.terminates =>
        {
            Repair::Renew
        }
        Ok(leaks) if leaks.is_empty() && nvme.wants_reset() => Repair::Reset,
        Ok(leaks) if leaks.is_empty() => Repair::Nothing,
        Ok(leaks) => {
            finding.worsen(Verdict::Fail, &format!("left behind: {}", leaks.join("; ")));
            Repair::Reset
        }
        Err(error) if error.is_lost() => {
            finding.worsen(Verdict::DutLost, &format!("after the test: {error}"));
            Repair::Reopen
        }
        Err(error) => {
            finding.worsen(Verdict::Fail, &format!("the check after the test failed: {error}"));
            Repair::Reset
        }
    };
    Attempt { finding, repair }
}
