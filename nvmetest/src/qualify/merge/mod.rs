//! Joining the results of several machines into those of one run.
//!
//! What is joined has to belong together: the same suite, profile, mode and seed, drives of the same model and firmware (unless
//! they are put side by side), all shards, each once. Attempts go from file to file one at a time, so that memory does not
//! grow with what they say. The folder is written under another name and then renamed: it is there as a whole, or not.

mod check;
mod error;
mod evidence;
mod input;
mod lines;
#[cfg(test)]
mod tests;
mod write;

use std::fs;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

pub use error::MergeError;

use self::check::Missing;
use self::input::Input;
use self::write::Stop;
use self::write::write;
use crate::qualify::engine::INTERRUPTED;
use crate::qualify::engine::Signals;

/// Join the results of shards, or of runs on several drives
///
/// The exit code is that of the run which the results are of: 0 if all is as expected, 1 if not, or if something is missing. It is
/// 2 if they do not belong together.
#[derive(Debug, Clone, Args)]
pub struct Merge {
    /// The folders of the results, or their files, in any order
    #[arg(value_name = "RESULTS", required = true)]
    pub inputs: Vec<PathBuf>,

    /// How they are joined.
    #[command(flatten)]
    pub options: Options,
}

/// How results are joined.
#[derive(Debug, Clone, Default, Args)]
pub struct Options {
    /// The folder for what is joined, which is not there yet
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// Join what there is, also if shards are missing
    #[arg(long)]
    pub partial: bool,

    /// Put runs on drives of several models or firmware revisions side by side
    #[arg(long)]
    pub matrix: bool,
}

/// What was joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// How many files.
    pub runs: usize,
    /// How many tests, each on one device.
    pub tests: usize,
    /// How many attempts.
    pub attempts: usize,
    /// How many folders of evidence were named and not there.
    pub lost_evidence: usize,
    /// The shards that are missing.
    pub missing: Vec<String>,
    /// The exit code of the run that it is.
    pub exit: u8,
}

impl Merge {
    /// Joins the results and says what came of it. SIGINT and SIGTERM end it, and nothing is left of it then.
    ///
    /// # Errors
    ///
    /// As [`merge`].
    pub fn run(self) -> Result<ExitCode, MergeError> {
        let checked = Checked::read(&self.inputs, &self.options)?;
        let mut signals = Signals::take().map_err(MergeError::file(&self.options.out))?;
        let merged = match checked.write(&self.options.out, &mut || signals.came()) {
            Err(interrupted @ MergeError::Interrupted(_)) => {
                // There is nowhere else to say it.
                let _ = writeln!(io::stderr(), "{interrupted}");
                return Ok(ExitCode::from(INTERRUPTED));
            }
            other => other?,
        };
        let Merged { runs, tests, attempts, lost_evidence, missing, exit } = merged;
        let out = self.options.out.display();
        println!("{runs} runs, {tests} tests, {attempts} attempts: {out}");
        if 0 < lost_evidence {
            println!("{lost_evidence} folders of evidence were not beside their results");
        }
        if !missing.is_empty() {
            println!("missing: shard {}", missing.join(", "));
        }
        Ok(ExitCode::from(exit))
    }
}

/// Joins the results `inputs`, in whatever order they are, into a new folder.
///
/// # Errors
///
/// Fails if they do not belong together, if one is missing or double, and if a file cannot be read or written. Nothing is
/// written then.
pub fn merge(inputs: &[PathBuf], options: &Options) -> Result<Merged, MergeError> {
    Checked::read(inputs, options)?.write(&options.out, &mut || None)
}

/// Results that belong together, in an order that does not depend on how they were given.
struct Checked {
    inputs: Vec<Input>,
    missing: Missing,
}

impl Checked {
    fn read(inputs: &[PathBuf], options: &Options) -> Result<Self, MergeError> {
        let out = &options.out;
        if fs::symlink_metadata(out).is_ok() {
            let what =
                format!("{} is there already; give a new folder with `--out`", out.display());
            return Err(MergeError::Refused(what));
        }
        let mut inputs: Vec<Input> =
            inputs.iter().map(|path| Input::read(path)).collect::<Result<_, _>>()?;
        let missing = check::check(&inputs, options)?;
        in_order(&mut inputs);
        Ok(Self { inputs, missing })
    }

    fn write(self, out: &Path, stop: &mut Stop<'_>) -> Result<Merged, MergeError> {
        let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(MergeError::file(parent))?;
        let temporary = tempfile::Builder::new().prefix(".nvmetest-merge-").tempdir_in(parent);
        let temporary = temporary.map_err(MergeError::file(parent))?;
        // The temporary folder is for its owner alone, and the result is for whoever the user lets read.
        let folder = temporary.path().join("results");
        fs::create_dir(&folder).map_err(MergeError::file(&folder))?;
        let merged = write(&self.inputs, self.missing, &folder, stop)?;
        fs::rename(&folder, out).map_err(MergeError::file(out))?;
        Ok(merged)
    }
}

/// Brings the inputs into an order that does not depend on how they were given, and numbers their devices.
fn in_order(inputs: &mut [Input]) {
    inputs.sort_by_cached_key(|input| {
        let drives = input.drives();
        let drives: Vec<_> =
            drives.iter().map(|(model, firmware)| format!("{model}\0{firmware}")).collect();
        (drives, input.run.shard.map(|shard| shard.index), input.run.id.clone())
    });
    let mut next = 0_u32;
    for input in inputs {
        for &device in input.devices.keys() {
            input.renumbered.insert(device, next);
            next += 1;
        }
    }
}
