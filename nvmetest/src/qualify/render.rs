//! `report`, `junit`, `ktap` and `schema`: what is made of the results of a run, whenever it was.

use std::fmt::Display;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::report;
use crate::report::RESULTS;
use crate::results::JSON_SCHEMA;
use crate::results::Results;
use crate::runner::setup::SetupError;

/// Make the report of a run: report.html, junit.xml and results.ktap in its folder
#[derive(Debug, Args)]
pub(super) struct Report {
    /// The folder of the run
    folder: PathBuf,

    /// Put it beside an earlier run: which verdicts, tests, durations and latencies changed
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,

    /// Write the page to this file, and nothing else
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Print the results of a run as JUnit XML
#[derive(Debug, Args)]
pub(super) struct Junit {
    /// The folder of the run
    folder: PathBuf,
}

/// Print the results of a run in the Kernel Test Anything Protocol
#[derive(Debug, Args)]
pub(super) struct Ktap {
    /// The folder of the run
    folder: PathBuf,
}

/// Print the JSON Schema of a line of results
#[derive(Debug, Args)]
pub(super) struct Schema {}

impl Report {
    pub(super) fn run(self) -> Result<ExitCode, SetupError> {
        let Self { folder, against, output } = self;
        let files = match (against, output) {
            (None, None) => report::write(&folder).map_err(sentence)?,
            (against, output) => {
                let results = read(&folder)?;
                let earlier = against.as_deref().map(read).transpose()?;
                let page = report::html(&results, &folder, earlier.as_ref());
                let path = output.unwrap_or_else(|| folder.join("report.html"));
                report::store(&path, &page).map_err(sentence)?;
                vec![path]
            }
        };
        files.iter().for_each(|file| print(&format!("{}\n", file.display())));
        Ok(ExitCode::SUCCESS)
    }
}

impl Junit {
    pub(super) fn run(self) -> Result<ExitCode, SetupError> {
        print(&read(&self.folder)?.junit());
        Ok(ExitCode::SUCCESS)
    }
}

impl Ktap {
    pub(super) fn run(self) -> Result<ExitCode, SetupError> {
        print(&read(&self.folder)?.ktap());
        Ok(ExitCode::SUCCESS)
    }
}

impl Schema {
    pub(super) fn run(self) -> ExitCode {
        print(JSON_SCHEMA);
        ExitCode::SUCCESS
    }
}

fn read(folder: &Path) -> Result<Results, SetupError> {
    Results::read(&folder.join(RESULTS)).map_err(sentence)
}

fn sentence(error: impl Display) -> SetupError {
    SetupError::new(error.to_string())
}

/// A reader that went away has seen enough.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}
