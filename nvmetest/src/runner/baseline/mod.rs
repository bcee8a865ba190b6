//! The failures of a device that are known.
//!
//! ```toml
//! model = "QEMU NVMe Ctrl"     # optional: only for controllers whose model number begins so
//! firmware = ">=10.0, <12"     # optional: a range, a beginning, or a list of them
//! device = "qemu:"             # optional: only for devices whose URI begins so
//!
//! [[expected]]
//! test = "compare::a_difference_fails"
//! verdict = "Fail"
//! clause = "NVM 3.3.1"
//! reason = "the device compares only the first block"
//! link = "BUG-1234"            # optional: where more is said of it
//! expires = 2027-03-31         # optional: the last day on which it holds
//! firmware = ["10.", "11.0"]   # optional: as above, for this entry
//! device = "qemu:"             # optional: as above, for this entry
//! unexplained = true           # nobody has said yet why: the run names it each time
//! ```

mod day;
mod file;
mod firmware;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::path::Path;

use thiserror::Error;

pub(crate) use self::day::Day;
pub(crate) use self::file::Entry;
pub(crate) use self::file::File;
pub(crate) use self::file::Scope;
use super::setup::SetupError;
use super::verdict::Finding;
use super::verdict::Verdict;
use crate::document::Document;
use crate::document::Mistake;
use crate::results::Waiver;
use crate::transport::DeviceUri;

/// The failures that are expected, of all files that were given.
#[derive(Debug)]
pub(crate) struct Baseline {
    files: Vec<File>,
    today: Day,
}

/// What decides which entries apply.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dut<'a> {
    pub(crate) uri: &'a DeviceUri,
    /// MN of Identify Controller.
    pub(crate) model: &'a str,
    /// FR of Identify Controller.
    pub(crate) firmware: &'a str,
}

/// Why a baseline is no use.
#[derive(Debug, Error)]
pub(crate) enum BaselineError {
    #[error("the baseline {path} is no use: {error}")]
    File { path: String, error: std::io::Error },
    #[error("{0}")]
    Mistake(#[from] Mistake),
}

impl From<BaselineError> for SetupError {
    fn from(error: BaselineError) -> Self {
        Self::new(error.to_string())
    }
}

impl Default for Baseline {
    fn default() -> Self {
        Self::new(Vec::new(), Day::today())
    }
}

impl Baseline {
    pub(crate) fn new(files: Vec<File>, today: Day) -> Self {
        Self { files, today }
    }

    /// Reads the files. Each entry has to be for a test that `exists`, and no two of them may be for the same test and device.
    pub(crate) fn read(
        paths: &[impl AsRef<Path>],
        exists: impl Fn(&str) -> bool,
    ) -> Result<Self, BaselineError> {
        let mut files = Vec::new();
        for path in paths {
            let path = path.as_ref();
            let document = Document::read(path)
                .map_err(|error| BaselineError::File { path: path.display().to_string(), error })?;
            files.push(File::parse(&document, &exists)?);
        }
        contradictions(&files)?;
        Ok(Self::new(files, Day::today()))
    }

    /// Returns the entry for `test` on `dut`, whether it still holds or not.
    pub(crate) fn waiver(&self, dut: Dut<'_>, test: &str) -> Option<Waiver> {
        let entry = self.entry(dut, test)?;
        let mut waiver = entry.waiver.clone();
        if entry.unexplained {
            waiver.reason = format!("not explained yet: {}", waiver.reason);
        }
        Some(waiver)
    }

    /// Compares what was found with what is expected of `test` on `dut`.
    pub(crate) fn judge(&self, dut: Dut<'_>, test: &str, finding: Finding) -> Finding {
        let (Some(entry), Some(waiver)) = (self.entry(dut, test), self.waiver(dut, test)) else {
            return finding;
        };
        let Waiver { verdict, clause, reason, .. } = &waiver;
        let over = entry.expires.filter(|&expires| expires < self.today);
        match (finding.verdict, over) {
            (found, Some(expired)) if found.is_failure() => Finding::new(
                found,
                format!(
                    "{}\nthe baseline waived it until {expired}: {reason} ({clause}); have it repaired, or renew the entry",
                    finding.message
                ),
            ),
            (found, None) if found == *verdict => Finding::new(
                Verdict::ExpectedFail,
                format!("expected {verdict}: {reason} ({clause})"),
            ),
            (Verdict::Pass, _) => Finding::new(
                Verdict::UnexpectedPass,
                format!(
                    "it passes, and the baseline expects {verdict}: {reason} ({clause}); delete the entry"
                ),
            ),
            (found, _) if found.is_failure() => Finding::new(
                found,
                format!("{}\nthe baseline expects {verdict} and not {found}", finding.message),
            ),
            _ => finding,
        }
    }

    /// Returns the tests with entries that nobody has explained.
    pub(crate) fn unexplained(&self) -> BTreeSet<&str> {
        let entries = self.files.iter().flat_map(|file| &file.entries);
        entries.filter(|entry| entry.unexplained).map(|entry| &*entry.test).collect()
    }

    fn entry(&self, dut: Dut<'_>, test: &str) -> Option<&Entry> {
        let uri = dut.uri.to_string();
        let is_for = |scope: &Scope| scope.is_for(&uri, dut.model, dut.firmware);
        let mut entries =
            self.files.iter().filter(|file| is_for(&file.scope)).flat_map(|file| &file.entries);
        entries.find(|entry| entry.test == test && is_for(&entry.scope))
    }
}

/// Refuses two entries of which nobody could say which of them holds.
pub(crate) fn contradictions(files: &[File]) -> Result<(), Mistake> {
    let mut known: HashMap<&str, Vec<(&Scope, &Entry)>> = HashMap::new();
    let entries = files.iter().flat_map(|file| file.entries.iter().map(|it| (&file.scope, it)));
    for (scope, entry) in entries {
        let others = known.entry(&entry.test).or_default();
        let same = |other: &&(&Scope, &Entry)| {
            Scope::overlap(&[scope, &entry.scope, other.0, &other.1.scope])
        };
        if let Some((_, other)) = others.iter().find(same) {
            let Mistake { file, line, .. } = &other.place;
            let (test, verdict) = (&entry.test, entry.waiver.verdict);
            let what = if other.waiver.verdict == verdict {
                format!(
                    "`{test}` is there twice for one device, first at {file}:{line}; delete one entry"
                )
            } else {
                let first = other.waiver.verdict;
                format!(
                    "`{test}` expects {verdict}, and {first} at {file}:{line} for the same device; delete one entry"
                )
            };
            return Err(Mistake { what, ..entry.place.clone() });
        }
        others.push((scope, entry));
    }
    Ok(())
}
