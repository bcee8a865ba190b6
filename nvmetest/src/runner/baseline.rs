//! The failures of a device that are known.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::setup::SetupError;
use super::verdict::Finding;
use super::verdict::Verdict;
use crate::results::Waiver;
use crate::transport::DeviceUri;

/// The failures that are expected, of all files that were given.
#[derive(Debug, Default)]
pub(crate) struct Baseline {
    files: Vec<File>,
}

/// A file of expected failures:
///
/// ```toml
/// model = "QEMU NVMe Ctrl"     # optional: only for controllers whose model number begins so
/// device = "qemu:"             # optional: only for devices whose URI begins so
///
/// [[expected]]
/// test = "compare::a_difference_fails"
/// verdict = "Fail"
/// clause = "NVM 3.3.1"
/// reason = "the device compares only the first block"
/// firmware = ["10.", "11.0"]   # optional: only for firmware revisions that begin so
/// device = "qemu:"             # optional: as above, for this entry
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    model: Option<String>,
    device: Option<String>,
    #[serde(default)]
    expected: Vec<Expected>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    test: String,
    verdict: Verdict,
    clause: String,
    reason: String,
    firmware: Option<Vec<String>>,
    device: Option<String>,
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

impl Baseline {
    /// Reads the files. Each entry has to be for a test that `exists`.
    pub(crate) fn read(
        paths: &[impl AsRef<Path>],
        exists: impl Fn(&str) -> bool,
    ) -> Result<Self, SetupError> {
        let read = |path: &Path| {
            let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
            File::parse(&text, &exists)
        };
        let file = |path: &Path| {
            let sentence = |why| format!("the baseline {} is no use: {why}", path.display());
            read(path).map_err(|why| SetupError::new(sentence(why)))
        };
        let files = paths.iter().map(|path| file(path.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { files })
    }

    /// Compares what was found with what is expected of `test` on `dut`.
    pub(crate) fn judge(&self, dut: Dut<'_>, test: &str, finding: Finding) -> Finding {
        let Some(expected) = self.expected(dut, test) else { return finding };
        let Expected { verdict, clause, reason, .. } = expected;
        match finding.verdict {
            found if found == *verdict => Finding::new(
                Verdict::ExpectedFail,
                format!("expected {verdict}: {reason} ({clause})"),
            ),
            Verdict::Pass => Finding::new(
                Verdict::UnexpectedPass,
                format!(
                    "it passes, and the baseline expects {verdict}: {reason} ({clause}); delete the entry"
                ),
            ),
            found if found.is_failure() => Finding::new(
                found,
                format!("{}\nthe baseline expects {verdict} and not {found}", finding.message),
            ),
            _ => finding,
        }
    }

    /// Returns the entry for `test` on `dut`, if there is one.
    pub(crate) fn waiver(&self, dut: Dut<'_>, test: &str) -> Option<Waiver> {
        let Expected { verdict, clause, reason, .. } = self.expected(dut, test)?.clone();
        Some(Waiver { verdict, clause, reason, link: None, expires: None })
    }

    fn expected(&self, dut: Dut<'_>, test: &str) -> Option<&Expected> {
        let uri = dut.uri.to_string();
        let begins = |text: &str, start: &Option<String>| {
            start.as_ref().is_none_or(|start| text.starts_with(start))
        };
        let is_for = |file: &&File| begins(&uri, &file.device) && begins(dut.model, &file.model);
        let mut entries = self.files.iter().filter(is_for).flat_map(|file| &file.expected);
        let is_for = |entry: &Expected| entry.is_for(dut.firmware) && begins(&uri, &entry.device);
        entries.find(|entry| entry.test == test && is_for(entry))
    }
}

impl Expected {
    fn is_for(&self, firmware: &str) -> bool {
        let starts = |start: &String| firmware.starts_with(start.as_str());
        self.firmware.as_ref().is_none_or(|revisions| revisions.iter().any(starts))
    }
}

impl File {
    fn parse(text: &str, exists: impl Fn(&str) -> bool) -> Result<Self, String> {
        let file: Self = toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start).min(text.len());
            let line = text.as_bytes()[..offset].iter().filter(|&&byte| byte == b'\n').count() + 1;
            format!("line {line}: {}", error.message().replace('\n', " "))
        })?;
        let mut seen = BTreeMap::new();
        for Expected { test, verdict, firmware, device, .. } in &file.expected {
            if !exists(test) {
                return Err(format!(
                    "there is no test `{test}`; delete the entry or correct the name"
                ));
            }
            if !verdict.is_failure() {
                return Err(format!(
                    "`{test}` expects {verdict}, which is no failure; write Fail, Crash, Timeout or DutLost"
                ));
            }
            if seen.insert((test, firmware, device), verdict).is_some() {
                return Err(format!("`{test}` is there twice; delete one entry"));
            }
        }
        Ok(file)
    }
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

    fn judge(device: &str, test: &str, finding: Finding) -> Finding {
        let baseline = Baseline { files: vec![File::parse(TEXT, |_| true).unwrap()] };
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
        let baseline = Baseline { files: vec![File::parse(&text, |_| true).unwrap()] };
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
        let baseline = Baseline { files: vec![File::parse(&text, |_| true).unwrap()] };
        let verdict = |uri: &str, model| {
            let uri = uri.parse().unwrap();
            let fail = Finding::new(Verdict::Fail, "wrong");
            baseline.judge(Dut { uri: &uri, model, firmware: "10.0.2" }, "compare", fail).verdict
        };
        assert_eq!(verdict("qemu:", "QEMU NVMe Ctrl"), Verdict::ExpectedFail);
        assert_eq!(verdict("pci:0000:01:00.0", "QEMU NVMe Ctrl"), Verdict::ExpectedFail);
        assert_eq!(verdict("pci:0000:01:00.0", "ACME 1"), Verdict::Fail);

        let text = format!("{text}\ndevice = \"qemu:\"");
        let baseline = Baseline { files: vec![File::parse(&text, |_| true).unwrap()] };
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
    fn a_baseline_with_a_mistake_is_refused() {
        let refused = |text: &str| File::parse(text, |test| test == "compare").unwrap_err();

        let gone = refused(&TEXT.replace("\"compare\"", "\"compares\""));
        assert!(gone.starts_with("there is no test `compares`"), "{gone}");
        let pass = refused(&TEXT.replace("\"Fail\"", "\"Pass\""));
        assert!(pass.contains("expects Pass, which is no failure"), "{pass}");
        let twice = refused(&format!("{TEXT}{}", &TEXT[TEXT.find("[[").unwrap()..]));
        assert_eq!(twice, "`compare` is there twice; delete one entry");
        let misspelt = refused(&TEXT.replace("reason", "reasons"));
        assert!(misspelt.starts_with("line 8: unknown field `reasons`"), "{misspelt}");
    }
}
