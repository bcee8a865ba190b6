//! `baseline`: checking what is known to fail, and bringing it up to date.

mod rewrite;

use std::fs;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::Subcommand;
use thiserror::Error;

use self::rewrite::Rewritten;
use self::rewrite::rewrite;
use crate::document::Document;
use crate::document::Mistake;
use crate::results::Results;
use crate::results::ResultsError;
use crate::runner::baseline::Baseline as Known;
use crate::runner::registry;

/// Check a baseline, or bring it up to date by the results of a run
#[derive(Debug, Clone, Args)]
pub struct Baseline {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Clone, Subcommand)]
enum Task {
    Update(Update),
    Check(Check),
}

/// Rewrite a baseline by the results of a run: what passes is deleted, what fails is added
///
/// Comments, reasons, clauses and the order stay. A failure that is added is marked `unexplained`, and each run names it until
/// somebody has written why it is so.
#[derive(Debug, Clone, Args)]
struct Update {
    /// The folder of the results, or their file
    #[arg(long, value_name = "DIR")]
    results: PathBuf,

    /// The baseline to rewrite
    #[arg(long, value_name = "FILE")]
    baseline: PathBuf,

    /// Say what would change, and change nothing; the exit code is then 1 if anything would
    #[arg(long)]
    check: bool,
}

/// Check baselines: their form, that each test exists, and that no two entries contradict each other
#[derive(Debug, Clone, Args)]
struct Check {
    /// The baselines
    #[arg(value_name = "FILE", required = true)]
    baselines: Vec<PathBuf>,
}

/// Why a baseline is not checked or rewritten.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// The file cannot be read or written.
    #[error("the baseline {path}: {error}")]
    File {
        /// Its name.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// Something in it is wrong.
    #[error("{0}")]
    Mistake(#[from] Mistake),
    /// There are no results.
    #[error("{0}")]
    Results(#[from] ResultsError),
    /// It cannot be used.
    #[error("{0}")]
    Refused(String),
}

impl Baseline {
    /// Does it.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be read or written, or has a mistake.
    pub fn run(self) -> Result<ExitCode, BaselineError> {
        match self.task {
            Task::Update(update) => update.run(),
            Task::Check(check) => check.run(),
        }
    }
}

impl Update {
    fn run(self) -> Result<ExitCode, BaselineError> {
        let path = &self.baseline;
        let file = |error| BaselineError::File { path: path.display().to_string(), error };
        let document = Document::read(path).map_err(file)?;
        let results = match self.results.is_dir() {
            true => Results::read(&self.results.join("results.jsonl"))?,
            false => Results::read(&self.results)?,
        };
        let Rewritten { text, changes, by_hand } = rewrite(&document, &results)?;
        for change in &changes {
            println!("{change}");
        }
        for sentence in &by_hand {
            println!("to be done by hand: {sentence}");
        }
        if changes.is_empty() && by_hand.is_empty() {
            println!("{} says what the results say", path.display());
        }
        if self.check {
            let same = changes.is_empty() && by_hand.is_empty();
            return Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        if !changes.is_empty() {
            replace(path, &text).map_err(file)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Check {
    fn run(self) -> Result<ExitCode, BaselineError> {
        let refuse = |error: String| BaselineError::Refused(error);
        let tests = registry::tests().map_err(|error| refuse(error.to_string()))?;
        let names: std::collections::HashSet<String> =
            tests.iter().map(registry::Test::name).collect();
        let known = Known::read(&self.baselines, |name| names.contains(name));
        let known = known.map_err(|error| refuse(error.to_string()))?;
        for test in known.unexplained() {
            println!("not explained yet: {test}");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Replaces a file by another text, as a whole or not at all.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::metadata(path)?.permissions())?;
    file.persist(path)?;
    Ok(())
}
