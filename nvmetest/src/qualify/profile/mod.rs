//! Profiles: which tests run, for how long, and what has to come of it, as data.
//!
//! A profile is a file of TOML. Those that are [`SHIPPED`] are part of every program and are named; any other is given by
//! its path. This one has everything that can be said:
//!
//! ```toml
//! title = "What the page about labs shows"  # one line for the list of profiles
//! mode = "ci"                  # or "certify": no rerun, and no waiver counts
//! seed = 7                     # of all that is random; without it, a fresh one
//!
//! [tests]
//! areas = ["flush", "verify"]  # all tests of these areas, and of `include`; without both, all tests
//! include = ["read_write::*"]  # `*` is any text; a name without it is a test, or all below a path
//! exclude = ["flush::slow"]
//! ignored = ["*"]              # tests run that are ignored for such a reason
//!
//! [time]
//! timeout = "60s"              # of a test that does not say it itself
//! scale = 2.0                  # all timeouts are multiplied by it
//! repeats = 3                  # each test runs so often
//!
//! [unexpected]
//! retries = 1                  # only in mode "ci"
//!
//! [waivers]
//! use = ["*"]                  # entries of baselines that count, by test or clause; only in mode "ci"
//!
//! [required]
//! pass = ["flush::a"]          # no waiver helps
//! applicable = ["verify"]      # not applicable is a breach
//!
//! [[limits.latency]]
//! commands = ["read", "write"]
//! at = "p99.9"                 # or "max"
//! most = "10ms"
//! source = "our promise"
//!
//! [[limits.figure]]
//! name = "iops"                # of the slowest IOWorker of a test; or what a test measures by this name
//! tests = ["ioworker"]         # without it, all
//! least = 10000                # in the unit of the figure, as is `most`
//!
//! [[limits.health]]
//! field = "MDIE"               # of the SMART / Health Information
//! grows = 0                    # during the run; `most` and `least` are for its value after the tests
//! ```

mod breach;
mod file;
mod limits;
mod listed;
mod load;
pub(crate) mod pattern;
mod shipped;
mod show;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

pub use breach::Breach;
pub use limits::HEALTH;
pub use limits::PERCENTILES;
pub use listed::Listed;
pub use load::ProfileError;
pub use shipped::SHIPPED;
pub use shipped::Shipped;
pub use show::Show;
pub use show::list;

use self::limits::Limits;
use self::listed::area;
use self::pattern::Pattern;
pub use crate::document::Mistake;
use crate::results::Attempt;
use crate::results::Mode;
use crate::results::Results;
use crate::results::Waiver;
use crate::runner::Verdict;

/// What to run, and what has to come of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Its name: that of a shipped one, or of its file without the extension.
    pub name: String,
    /// What it is for.
    pub title: String,
    /// What is done about what is not as expected.
    pub mode: Mode,
    /// The seed of everything that is random; none, if each run has a fresh one.
    pub seed: Option<u64>,
    /// How often each test runs, 1 at the least.
    pub repeats: u32,
    /// How often a test with an unexpected verdict runs again.
    pub retries: u32,
    timeout: Duration,
    scale: f64,
    areas: Option<Vec<String>>,
    include: Option<Vec<Pattern>>,
    exclude: Vec<Pattern>,
    ignored: Vec<Pattern>,
    waivers: Vec<Pattern>,
    pass: Vec<Pattern>,
    applicable: Vec<Pattern>,
    limits: Limits,
}

/// Why a profile leaves a test out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It is neither of an area nor among the tests of the profile.
    NotIncluded,
    /// The profile excludes it, by this pattern.
    Excluded(String),
    /// It is ignored for this reason, which the profile does not name.
    Ignored(String),
}

impl Profile {
    /// Returns whether a test runs, or why not.
    ///
    /// What is [`Ignored`](Why::Ignored) belongs to the run, and its verdict is [`Verdict::Skipped`]; the rest does not.
    pub fn selects(&self, test: &Listed) -> Result<(), Why> {
        let of_area = |areas: &Vec<String>| areas.iter().any(|area| area == test.area());
        let any = |patterns: &Vec<Pattern>| patterns.iter().any(|it| it.matches(&test.name));
        let everything = self.areas.is_none() && self.include.is_none();
        let wanted = everything
            || self.areas.as_ref().is_some_and(of_area)
            || self.include.as_ref().is_some_and(any);
        if !wanted {
            return Err(Why::NotIncluded);
        }
        if let Some(pattern) = self.exclude.iter().find(|pattern| pattern.matches(&test.name)) {
            return Err(Why::Excluded(pattern.to_string()));
        }
        match &test.ignored {
            Some(reason) if !self.ignored.iter().any(|pattern| pattern.matches(reason)) => {
                Err(Why::Ignored(reason.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Returns how long a test may take that says `own` itself.
    pub fn timeout(&self, own: Option<Duration>) -> Duration {
        let seconds = own.unwrap_or(self.timeout).as_secs_f64() * self.scale;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// Returns whether an entry of a baseline counts. In mode "certify" none does.
    pub fn honours(&self, test: &str, waiver: &Waiver) -> bool {
        let matches = |pattern: &Pattern| pattern.matches(test) || pattern.matches(&waiver.clause);
        self.mode == Mode::Ci && self.waivers.iter().any(matches)
    }

    /// Compares what an attempt measured, and how long its commands took, with what that may be: a pass with a figure beyond its
    /// limit becomes a failure, and each figure has its limit beside it.
    ///
    /// Returns the first command of the command log that took too long, as
    /// [`CommandTimes::slowest`](crate::results::CommandTimes::slowest) has it.
    pub fn judge(&self, attempt: &mut Attempt) -> Option<String> {
        self.limits.judge(attempt)
    }

    /// Returns what the profile asks for, and the run does not have.
    pub fn breaches(&self, results: &Results) -> Vec<Breach> {
        let mut breaches = Vec::new();
        for outcome in results.outcomes() {
            let test = &outcome.planned.test;
            let any = |patterns: &[Pattern]| patterns.iter().any(|it| it.matches(test));
            let mut breach = |what: String| {
                let test = Some(test.clone());
                breaches.push(Breach { device: outcome.device, test, what });
            };
            match outcome.verdict {
                verdict if verdict != Verdict::Pass && any(&self.pass) => {
                    breach(format!("it has to pass, and its verdict is {verdict}"));
                }
                Verdict::NotApplicable if any(&self.applicable) => {
                    breach("it has to be applicable, and is not".to_owned());
                }
                Verdict::Flake if self.mode == Mode::Certify => {
                    breach("its attempts differ, and that is no pass".to_owned());
                }
                _ => {}
            }
        }
        self.limits.breaches(results, &mut breaches);
        breaches
    }

    /// Returns the areas of tests that it names.
    pub fn areas<'t>(&self, tests: &'t [Listed]) -> Vec<&'t str> {
        let mut areas: Vec<&str> = Vec::new();
        for test in tests.iter().filter(|test| self.selects(test).is_ok()) {
            if !areas.contains(&area(&test.name)) {
                areas.push(area(&test.name));
            }
        }
        areas
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotIncluded => f.write_str("the profile does not include it"),
            Self::Excluded(pattern) => write!(f, "the profile excludes `{pattern}`"),
            Self::Ignored(reason) => f.write_str(reason),
        }
    }
}
