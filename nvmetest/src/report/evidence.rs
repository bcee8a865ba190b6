//! The evidence of an attempt, read from the folder of the run as far as it is there.

use std::fs;
use std::fs::File;
use std::io::BufReader;
use std::io::Read;
use std::path::Component;
use std::path::Path;

use crate::cmdlog::Dump;
use crate::cmdlog::Record;

/// What an attempt left.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    pub(super) cmdlog: Option<Dump>,
    pub(super) registers: Option<String>,
    /// The lines of the test, each with its number.
    pub(super) source: Option<String>,
    /// What could not be read, each as a sentence.
    pub(super) complaints: Vec<String>,
}

/// A command log that is larger is for the tools of the command log, and not for a page.
const CMDLOG_MAX: u64 = 16 << 20;

/// So much of another file is read.
const TEXT_MAX: u64 = 16 << 10;

impl Evidence {
    /// Reads the evidence in `place`, which has to be below `folder`.
    pub(super) fn read(folder: &Path, place: &str) -> Self {
        let mut evidence = Self::default();
        let below = Path::new(place);
        if !below.components().all(|part| matches!(part, Component::Normal(_))) {
            evidence.complaints.push(format!(
                "The evidence is said to be in {place:?}, which is no folder below the run; it was not read."
            ));
            return evidence;
        }
        let place = folder.join(below);
        if !place.is_dir() {
            evidence.complaints.push(format!("The evidence {below:?} is not there any more."));
            return evidence;
        }
        match cmdlog(&place.join("cmdlog.jsonl")) {
            Ok(dump) => evidence.cmdlog = dump,
            Err(why) => {
                evidence.complaints.push(format!("The command log cannot be shown: {why}."))
            }
        }
        evidence.registers = text(&place.join("registers.txt"));
        evidence.source = text(&place.join("source.txt"));
        evidence
    }

    /// Returns the command that all this is about: what the driver says failed, or else the first that did.
    pub(super) fn failing(&self) -> Option<(&Dump, usize)> {
        let dump = self.cmdlog.as_ref()?;
        let named = |record: &Record| dump.failing == Some(record.token);
        let records = &dump.records;
        let place = records.iter().position(named);
        Some((dump, place.or_else(|| records.iter().position(Record::has_failed))?))
    }
}

fn cmdlog(path: &Path) -> Result<Option<Dump>, String> {
    let Some((file, size)) = regular(path) else { return Ok(None) };
    if CMDLOG_MAX < size {
        return Err(format!("it has {} MiB; `cmdlog show` shows it", size >> 20));
    }
    let input = BufReader::new(file.take(CMDLOG_MAX));
    Dump::read_json_lines(input).map(Some).map_err(|error| error.to_string())
}

fn text(path: &Path) -> Option<String> {
    let (file, _) = regular(path)?;
    let mut bytes = Vec::new();
    file.take(TEXT_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Opens a file, unless it is something else of that name, such as a pipe, which could be read for ever.
fn regular(path: &Path) -> Option<(File, u64)> {
    let kind = fs::symlink_metadata(path).ok()?;
    let file = kind.is_file().then(|| File::open(path).ok())??;
    Some((file, kind.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_read_from_below_the_folder_and_from_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("run/evidence/a");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("registers.txt"), "CSTS: 1").unwrap();
        fs::write(folder.path().join("registers.txt"), "secret").unwrap();
        let run = folder.path().join("run");
        let read = |place: &str| Evidence::read(&run, place);

        assert_eq!(read("evidence/a").registers.as_deref(), Some("CSTS: 1"));
        for place in ["..", "evidence/../..", "/etc", ""] {
            assert_eq!(read(place).registers, None, "{place}");
        }
        assert!(read("..").complaints[0].contains("no folder below the run"));
        assert!(read("evidence/b").complaints[0].contains("not there any more"));
    }

    #[test]
    fn what_is_broken_is_a_complaint_and_the_rest_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("e")).unwrap();
        fs::write(folder.path().join("e/cmdlog.jsonl"), "{}\n").unwrap();
        fs::write(folder.path().join("e/source.txt"), "7 | fn a() {}").unwrap();
        let evidence = Evidence::read(folder.path(), "e");
        assert!(evidence.complaints[0].starts_with("The command log cannot be shown: line 1"));
        assert_eq!(evidence.source.as_deref(), Some("7 | fn a() {}"));
    }

    #[test]
    fn a_pipe_of_the_name_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("registers.txt");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(text(&pipe), None);
    }
}
