//! The report of a qualification run: one page of HTML that needs nothing but a browser.
//!
//! It is made from the folder of the run alone, on any machine and at any time: from `results.jsonl`, and from the evidence
//! beside it. Evidence that is gone is a sentence on the page, and no failure. The page has everything within itself: no
//! network, no other file; it follows the light or dark of the system, prints, and is used with the keyboard alone.
//!
//! ```
//! use nvmetest::report;
//!
//! let folder = tempfile::tempdir()?;
//! std::fs::write(
//!     folder.path().join("results.jsonl"),
//!     r#"{"kind":"run","schema":1,"id":"r1","tool":"0.1.0","suite":{"name":"nvme","tests":1,"hash":"0"},"profile":"default","mode":"ci","seed":7,"host":"lab1","command":[],"started_ms":0}
//! {"kind":"test","device":0,"test":"flush::a_flush","area":"flush","file":"flush.rs","line":3}
//! "#,
//! )?;
//! let files = report::write(folder.path())?;
//! assert!(files[0].ends_with("report.html"));
//! let page = std::fs::read_to_string(&files[0])?;
//! assert!(page.contains("The run is not complete"), "a test is missing, and the run has no end");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What a device, a test or a file says is text on the page, whatever it is; none of it can become a part of the page.
//! Messages, evidence and plots together take 2.5 MiB at most. What has no room is named, and stands in the folder.

mod areas;
mod commands;
mod comparison;
mod devices;
mod evidence;
mod finding;
mod glance;
mod mark;
mod page;
mod performance;
mod plot;
mod requirements;
mod run;
mod text;
mod view;

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use thiserror::Error;

use crate::results::Results;
use crate::results::ResultsError;
use view::View;

/// The file of results in the folder of a run.
pub const RESULTS: &str = "results.jsonl";

/// Why there is no report.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The results cannot be read.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// A file cannot be written.
    #[error("{path} cannot be written: {error}", path = path.display())]
    Write {
        /// Its name.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Makes the page of a run, whose evidence is in `folder`; with `against`, it is put beside an earlier run.
pub fn html(results: &Results, folder: &Path, against: Option<&Results>) -> String {
    page::page(&View::new(results, folder), against).into_string()
}

/// Writes all that is made of results into the folder of the run: `report.html`, `junit.xml` and `results.ktap`.
///
/// # Errors
///
/// Fails if `results.jsonl` in `folder` is none, or if a file cannot be written.
pub fn write(folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let results = Results::read(&folder.join(RESULTS))?;
    let files = [
        ("report.html", html(&results, folder, None)),
        ("junit.xml", results.junit()),
        ("results.ktap", results.ktap()),
    ];
    let write = |(name, text): (&str, String)| {
        let path = folder.join(name);
        store(&path, &text)?;
        Ok(path)
    };
    files.into_iter().map(write).collect()
}

/// Writes a file in one step: who reads it has all of the old one or all of the new one.
pub(crate) fn store(path: &Path, text: &str) -> Result<(), ReportError> {
    let store = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let file = tempfile::Builder::new()
            .prefix(".nvmetest-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .tempfile_in(folder.unwrap_or(Path::new(".")))?;
        fs::write(file.path(), text)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    store().map_err(|error| ReportError::Write { path: path.to_owned(), error })
}
