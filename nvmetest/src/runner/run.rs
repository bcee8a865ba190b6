//! The tests of a run, one after the other.

use std::process;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use libtest_mimic::Completion;
use libtest_mimic::Failed;

use super::arguments::Options;
use super::baseline::Baseline;
use super::evidence::Evidence;
use super::main::LOST;
use super::main::complain;
use super::select::Planned;
use super::session::Session;
use super::setup::SetupError;
use super::shuffle;
use super::tally::Tally;
use super::verdict::Finding;
use super::verdict::Verdict;
use super::watchdog::Watchdog;
use crate::transport::DeviceUri;

/// No test takes longer: a deadline is a point in time that the clock can tell.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// What the tests of a run share.
#[derive(Debug)]
pub(crate) struct Run {
    /// The devices, or none if no test touches one.
    pub(crate) sessions: Vec<Session>,
    pub(crate) tally: Arc<Mutex<Tally>>,
    /// Whether tests run that have a reason to be ignored.
    pub(crate) ignored_too: bool,
    /// How long a test may take that does not say it itself.
    timeout: Duration,
    baseline: Baseline,
    evidence: Arc<Evidence>,
    watchdog: Watchdog,
    /// The test that runs, for the watchdog.
    current: Arc<Mutex<Option<(String, DeviceUri)>>>,
}

impl Run {
    pub(crate) fn new(options: &Options, baseline: Baseline) -> Result<Self, SetupError> {
        let evidence = Arc::new(Evidence::new(options.evidence.clone(), options.verify));
        let tally = Arc::<Mutex<Tally>>::default();
        let current = Arc::default();
        let overrun = {
            let (evidence, tally, current) =
                (Arc::clone(&evidence), Arc::clone(&tally), Arc::clone(&current));
            move |what: &str| end_process(what, &evidence, &tally, &current)
        };
        let watchdog = Watchdog::start(options.grace.min(LONGEST), overrun)
            .map_err(|error| SetupError::new(format!("cannot start a thread: {error}")))?;
        Ok(Self {
            sessions: Vec::new(),
            tally,
            ignored_too: options.libtest.ignored || options.libtest.include_ignored,
            timeout: options.timeout,
            baseline,
            evidence,
            watchdog,
            current,
        })
    }

    /// Returns whether `planned` is more than the reason why it does not run.
    pub(crate) fn touches_device(&self, planned: &Planned) -> bool {
        self.ignored_too || planned.test.function.ignore.is_none()
    }

    /// Runs a test and says what became of it, in the terms of libtest-mimic.
    ///
    /// What did not run, or failed as expected, is "ignored" there, with the verdict as the reason: never "ok".
    pub(crate) fn test(&mut self, planned: &Planned) -> Result<Completion, Failed> {
        let finding = self.finding(planned);
        locked(&self.tally).add(finding.verdict);
        let Finding { verdict, message } = finding;
        match verdict {
            Verdict::Pass => Ok(Completion::Completed),
            Verdict::Fail => Err(message.into()),
            Verdict::UnexpectedPass | Verdict::Timeout | Verdict::DutLost => {
                Err(format!("{verdict}: {message}").into())
            }
            _ => {
                let reason = message.lines().next().unwrap_or_default();
                Ok(Completion::ignored_with(format!("{verdict}: {reason}")))
            }
        }
    }

    fn finding(&mut self, planned: &Planned) -> Finding {
        let Planned { name, test_name, test, device } = planned;
        if let Some(reason) = test.function.ignore.filter(|_| !self.ignored_too) {
            return Finding::new(Verdict::Skipped, reason);
        }
        self.evidence.clear(name);

        let session = &mut self.sessions[*device];
        *locked(&self.current) = Some((name.clone(), session.uri().clone()));
        let timeout = test.function.timeout.unwrap_or(self.timeout).min(LONGEST);
        let attempt = match session.attempt(*test, timeout, &self.watchdog) {
            Ok(attempt) => attempt,
            Err(reason) => return Finding::new(Verdict::Blocked, reason),
        };
        let mut finding = self.baseline.judge(session.dut(), test_name, attempt.finding);
        if finding.verdict.is_failure() {
            if let Some(clause) = test.function.spec {
                finding.message = format!("{}\nclause: {clause}", finding.message);
            }
            let left = self.evidence.write(name, session.uri(), &finding, session.controller());
            finding.message += &match left {
                Ok(folder) => format!("\nevidence: {}", folder.display()),
                Err(error) => format!("\nthe evidence could not be written: {error}"),
            };
            let rerun = self.evidence.rerun(name, session.uri());
            finding.message += &format!("\nrun it again: {rerun}");
        }
        session.repair(attempt.repair, *test, &self.watchdog);
        self.watchdog.rest();
        finding
    }

    /// Shuts the controllers down, and returns what a reader has to know beyond the verdicts.
    pub(crate) fn close(&mut self) -> Vec<String> {
        let mut complaints = Vec::new();
        for session in &mut self.sessions {
            if let Err(error) = session.close(&self.watchdog) {
                complaints.push(format!("the shutdown of {} failed: {error}", session.uri()));
            }
            if let Some(reason) = session.lost() {
                complaints.push(reason.to_owned());
            }
        }
        let mut tally = locked(&self.tally);
        tally.close();
        complaints.extend(tally.incomplete());
        complaints
    }

    pub(crate) fn is_as_expected(&self) -> bool {
        locked(&self.tally).is_as_expected()
    }

    pub(crate) fn has_lost_a_device(&self) -> bool {
        self.sessions.iter().any(|session| session.lost().is_some())
    }

    /// Says which verdicts there are, which devices were tested, and how to repeat the run.
    pub(crate) fn summary(&self) -> String {
        let mut text = format!("verdicts: {}", locked(&self.tally));
        for session in &self.sessions {
            text += &format!("\ndevice: {} is {}", session.uri(), session.identity());
        }
        let unexplained = self.baseline.unexplained();
        if !unexplained.is_empty() {
            let tests: Vec<&str> = unexplained.into_iter().collect();
            text += &format!("\nexpected, and not explained yet: {}", tests.join(", "));
        }
        text + &format!("\nseed: {}", shuffle::seed())
    }
}

/// Ends the process because of a test that does not come back. What it holds goes with it.
fn end_process(
    what: &str,
    evidence: &Evidence,
    tally: &Mutex<Tally>,
    current: &Mutex<Option<(String, DeviceUri)>>,
) {
    let message = format!("{what} did not come back; the process ends");
    if let Some((test, device)) = locked(current).take() {
        let finding = Finding::new(Verdict::Timeout, &*message);
        match evidence.write(&test, &device, &finding, None) {
            Ok(folder) => complain(&format!("evidence: {}", folder.display())),
            Err(error) => complain(&format!("the evidence could not be written: {error}")),
        }
        complain(&format!("run it again: {}", evidence.rerun(&test, &device)));
    }
    let mut tally = locked(tally);
    tally.add(Verdict::Timeout);
    tally.close();
    complain(&format!("{message}\nverdicts: {tally}\nseed: {}", shuffle::seed()));
    process::exit(LOST.into());
}

/// Locks what no panic can leave half done.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
