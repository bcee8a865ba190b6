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

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        device = "qemu:"

        [[expected]]
        test = "compare"
        verdict = "Fail"
        clause = "NVM 3.3.1"
        reason = "only the first block is compared"
    "#;

    fn of(text: &str) -> Baseline {
        let file = File::parse(&Document::new("b.toml", text), |_| true).unwrap();
        Baseline::new(vec![file], "2026-06-15".parse().unwrap())
    }

    fn judge(device: &str, test: &str, finding: Finding) -> Finding {
        let baseline = of(TEXT);
        let uri = device.parse().unwrap();
        baseline.judge(
            Dut { uri: &uri, model: "QEMU NVMe Ctrl", firmware: "10.0.2" },
            test,
            finding,
        )
    }

    #[test]
    fn an_entry_may_be_for_some_firmware_only() {
        let text = format!("{TEXT}\nfirmware = [\"7.\", \"10.\"]");
        let baseline = of(&text);
        let uri = "qemu:".parse().unwrap();
        let verdict = |firmware| {
            let fail = Finding::new(Verdict::Fail, "wrong");
            baseline
                .judge(Dut { uri: &uri, model: "QEMU NVMe Ctrl", firmware }, "compare", fail)
                .verdict
        };
        assert_eq!(verdict("10.0.2"), Verdict::ExpectedFail);
        assert_eq!(verdict("11.1.3"), Verdict::Fail);
        assert_eq!(verdict("1.7"), Verdict::Fail);
    }

    #[test]
    fn a_baseline_may_be_for_a_model_however_it_is_reached() {
        let text = TEXT.replace("device = \"qemu:\"", "model = \"QEMU NVMe\"");
        let baseline = of(&text);
        let verdict = |uri: &str, model| {
            let uri = uri.parse().unwrap();
            let fail = Finding::new(Verdict::Fail, "wrong");
            baseline.judge(Dut { uri: &uri, model, firmware: "10.0.2" }, "compare", fail).verdict
        };
        assert_eq!(verdict("qemu:", "QEMU NVMe Ctrl"), Verdict::ExpectedFail);
        assert_eq!(verdict("pci:0000:01:00.0", "QEMU NVMe Ctrl"), Verdict::ExpectedFail);
        assert_eq!(verdict("pci:0000:01:00.0", "ACME 1"), Verdict::Fail);

        let text = format!("{text}\ndevice = \"qemu:\"");
        let baseline = of(&text);
        let verdict = |uri: &str| {
            let uri = uri.parse().unwrap();
            let dut = Dut { uri: &uri, model: "QEMU NVMe Ctrl", firmware: "10.0.2" };
            baseline.judge(dut, "compare", Finding::new(Verdict::Fail, "wrong")).verdict
        };
        assert_eq!(verdict("qemu:"), Verdict::ExpectedFail);
        assert_eq!(verdict("pci:0000:01:00.0"), Verdict::Fail, "an entry may be for some devices");
    }

    #[test]
    fn a_known_failure_is_expected_and_its_end_is_reported() {
        let fail = || Finding::new(Verdict::Fail, "wrong");
        let expected = judge("qemu:size=1GiB", "compare", fail());
        assert_eq!(expected.verdict, Verdict::ExpectedFail);
        assert_eq!(expected.message, "expected Fail: only the first block is compared (NVM 3.3.1)");

        let passed = judge("qemu:", "compare", Finding::pass());
        assert_eq!(passed.verdict, Verdict::UnexpectedPass);
        assert!(passed.message.ends_with("delete the entry"), "{}", passed.message);
    }

    #[test]
    fn another_test_device_or_verdict_is_not_covered() {
        let fail = || Finding::new(Verdict::Fail, "wrong");
        assert_eq!(judge("qemu:", "other", fail()), fail());
        assert_eq!(judge("soft:", "compare", fail()), fail());

        let lost = judge("qemu:", "compare", Finding::new(Verdict::DutLost, "gone"));
        assert_eq!(lost.verdict, Verdict::DutLost);
        assert_eq!(lost.message, "gone\nthe baseline expects Fail and not DutLost");

        let skipped = Finding::new(Verdict::Skipped, "by a rule");
        assert_eq!(judge("qemu:", "compare", skipped.clone()), skipped);
    }

    #[test]
    fn an_entry_holds_on_its_last_day_and_not_after_it() {
        let judge = |expires: &str, finding| {
            let baseline = of(&format!("{TEXT}\nexpires = {expires}"));
            let uri = "qemu:".parse().unwrap();
            let dut = Dut { uri: &uri, model: "m", firmware: "1" };
            let waiver = baseline.waiver(dut, "compare").unwrap();
            assert_eq!(waiver.expires.as_deref(), Some(expires.trim_matches('"')));
            baseline.judge(dut, "compare", finding)
        };
        let fail = || Finding::new(Verdict::Fail, "wrong");
        assert_eq!(judge("2026-06-15", fail()).verdict, Verdict::ExpectedFail);
        assert_eq!(judge("\"2026-06-15\"", fail()).verdict, Verdict::ExpectedFail);
        let over = judge("2026-06-14", fail());
        assert_eq!(over.verdict, Verdict::Fail);
        assert_eq!(
            over.message,
            "wrong\nthe baseline waived it until 2026-06-14: only the first block is compared (NVM 3.3.1); have it \
             repaired, or renew the entry"
        );
        assert_eq!(judge("2026-06-14", Finding::pass()).verdict, Verdict::UnexpectedPass);
    }

    #[test]
    fn a_range_of_firmware_is_for_a_file_or_an_entry() {
        for text in [
            format!("firmware = \">=10.0, <11\"\n{TEXT}"),
            format!("{TEXT}\nfirmware = \">=10.0, <11\""),
            format!("{TEXT}\nfirmware = [\"7.\", \">=10.0, <11\"]"),
        ] {
            let baseline = of(&text);
            let uri = "qemu:".parse().unwrap();
            let is_known = |firmware| {
                baseline.waiver(Dut { uri: &uri, model: "m", firmware }, "compare").is_some()
            };
            assert!(is_known("10.0.2"), "{text}");
            assert!(!is_known("11.1"), "{text}");
        }
    }

    #[test]
    fn what_nobody_explained_is_named() {
        let baseline = of(&format!("{TEXT}\nunexplained = true\nlink = \"BUG-1\""));
        assert_eq!(baseline.unexplained().into_iter().collect::<Vec<_>>(), ["compare"]);
        let uri = "qemu:".parse().unwrap();
        let waiver =
            baseline.waiver(Dut { uri: &uri, model: "m", firmware: "1" }, "compare").unwrap();
        assert_eq!(waiver.reason, "not explained yet: only the first block is compared");
        assert_eq!(waiver.link.as_deref(), Some("BUG-1"));
    }

    #[test]
    fn a_baseline_with_a_mistake_is_refused_with_its_place() {
        let refused = |text: &str| {
            let document = Document::new("b.toml", text);
            let file = File::parse(&document, |test| test == "compare");
            let refused = file.and_then(|file| contradictions(&[file])).unwrap_err();
            refused.to_string()
        };
        let gone = refused(&TEXT.replace("\"compare\"", "\"compares\""));
        assert!(gone.starts_with("b.toml:5:16: there is no test `compares`"), "{gone}");
        let pass = refused(&TEXT.replace("\"Fail\"", "\"Pass\""));
        assert!(
            pass.starts_with("b.toml:6:19: `compare` expects Pass, which is no failure"),
            "{pass}"
        );
        let misspelt = refused(&TEXT.replace("reason", "reasons"));
        assert!(misspelt.starts_with("b.toml:8:9: unknown field `reasons`"), "{misspelt}");
        let day = refused(&format!("{TEXT}expires = \"2026-02-30\""));
        assert!(day.contains(": `2026-02-30` is no day"), "{day}");
        let range = refused(&format!("{TEXT}firmware = \">=11, <10\""));
        assert!(range.contains(": no revision is in `>=11, <10`"), "{range}");

        let entry = &TEXT[TEXT.find("[[").unwrap()..];
        let twice = refused(&format!("{TEXT}{entry}"));
        assert_eq!(
            twice,
            "b.toml:10:16: `compare` is there twice for one device, first at b.toml:5; delete one entry"
        );
        let other = entry.replace("Fail", "Timeout");
        let contradiction = refused(&format!("{TEXT}{other}"));
        assert_eq!(
            contradiction,
            "b.toml:10:16: `compare` expects Timeout, and Fail at b.toml:5 for the same device; delete one entry"
        );
    }

    #[test]
    fn entries_contradict_only_if_a_device_can_be_meant_by_both() {
        let entry = &TEXT[TEXT.find("[[").unwrap()..];
        for (first, second, contradict) in [
            ("firmware = \"7.\"", "firmware = [\"10.\"]", false),
            ("firmware = \"7.\"", "firmware = [\"10.\", \"7.2\"]", true),
            ("firmware = \">=10, <11\"", "firmware = \"10.0\"", true),
            ("firmware = \">=10, <11\"", "firmware = \">=11\"", false),
            ("firmware = \">=10, <12\"", "firmware = \">=11\"", true),
            ("firmware = \"<10\"", "firmware = \"10.\"", false),
            ("firmware = \"7.\"", "", true),
            ("device = \"qemu:a\"", "device = \"qemu:b\"", false),
            ("device = \"qemu:\"", "device = \"qemu:b\"", true),
        ] {
            let text = format!("{TEXT}{first}\n{entry}{second}");
            let file = File::parse(&Document::new("b.toml", text), |_| true).unwrap();
            assert_eq!(contradictions(&[file]).is_err(), contradict, "{first} and {second}");
        }
    }
}
