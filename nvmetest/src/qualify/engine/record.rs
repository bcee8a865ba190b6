//! What is written of a run.

use std::fs;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use crate::results::Begin;
use crate::results::Line;
use crate::results::Note;
use crate::results::Results;
use crate::results::Subject;
use crate::results::Writer;
use crate::runner::setup::SetupError;

/// The name of the file, in the folder of a run.
pub(in crate::qualify) const FILE: &str = "results.jsonl";

/// The results of a run: in a file, and here.
#[derive(Debug)]
pub(super) struct Record {
    path: PathBuf,
    writer: Writer,
    /// It is locked as long as this process writes to it.
    _lock: File,
    /// Whether a test begins only when all that was written is on the disk.
    is_durable: bool,
    pub(super) results: Results,
}

impl Record {
    /// Fails if `folder` cannot be one of a run, or has one already.
    pub(super) fn check(folder: &Path) -> Result<(), SetupError> {
        fs::create_dir_all(folder).map_err(|error| {
            let folder = folder.display();
            SetupError::new(format!("the folder {folder} cannot be made: {error}; give another"))
        })?;
        if folder.join(FILE).exists() {
            return Err(has_one(folder));
        }
        Ok(())
    }

    /// Begins the results of a run.
    pub(super) fn create(folder: &Path) -> Result<Self, SetupError> {
        let path = folder.join(FILE);
        let writer = Writer::create(&path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => has_one(folder),
            _ => cannot_write(&path, &error),
        })?;
        let _lock = lock(&path)?;
        Ok(Self { path, writer, _lock, is_durable: false, results: Results::default() })
    }

    /// Goes on with the results in `folder`, which are `results`.
    pub(super) fn append(folder: &Path, results: Results) -> Result<Self, SetupError> {
        let path = folder.join(FILE);
        let _lock = lock(&path)?;
        let writer = Writer::append(&path).map_err(|error| cannot_write(&path, &error))?;
        Ok(Self { path, writer, _lock, is_durable: false, results })
    }

    /// From now on a test begins only when all that was written is on the disk: it survives this machine, and names the test
    /// that takes the machine down. It costs some milliseconds a test, and so is for a run to which that happens.
    pub(super) fn make_durable(&mut self) {
        self.is_durable = true;
    }

    /// Notes that a test begins.
    pub(super) fn begin(
        &mut self,
        device: u32,
        test: &str,
        attempt: u32,
    ) -> Result<(), SetupError> {
        self.write(Begin { device, test: test.to_owned(), attempt, at_ms: now_ms() })?;
        if self.is_durable {
            self.writer.sync().map_err(|error| cannot_write(&self.path, &error))?;
        }
        Ok(())
    }

    /// Writes a line. When this returns it survives this process.
    pub(super) fn write(&mut self, line: impl Into<Line>) -> Result<(), SetupError> {
        let line = line.into();
        self.writer.write(line.clone()).map_err(|error| cannot_write(&self.path, &error))?;
        self.results.add(line);
        Ok(())
    }

    /// Notes what a reader has to know.
    pub(super) fn note(
        &mut self,
        about: Subject,
        device: Option<u32>,
        test: Option<&str>,
        text: impl Into<String>,
    ) -> Result<(), SetupError> {
        let test = test.map(str::to_owned);
        self.write(Note { about, device, test, text: text.into(), at_ms: now_ms() })
    }
}

/// Keeps another process from writing to the same results.
fn lock(path: &Path) -> Result<File, SetupError> {
    let file = File::open(path).map_err(|error| cannot_write(path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SetupError::new(format!(
            "the run that writes {} goes on in another process; wait for it, or end it",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(cannot_write(path, &error)),
    }
}

fn has_one(folder: &Path) -> SetupError {
    SetupError::new(format!(
        "the folder {} has the results of a run already; give another with `--out`, or go on with it by `--resume`",
        folder.display()
    ))
}

fn cannot_write(path: &Path, error: &io::Error) -> SetupError {
    SetupError::new(format!(
        "the results {} cannot be written: {error}; what was written before is whole",
        path.display()
    ))
}

/// The time in milliseconds since 1970 (UTC).
pub(super) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
