//! Parts of a run, each for another machine: `--shard 2/5`, or what the engine that starts the machines says.
//!
//! | engine | says | first is |
//! | --- | --- | --- |
//! | nvmetest itself, and matrices of GitHub | `NVMETEST_SHARD`, such as `2/5` | 1 |
//! | Slurm, an array of jobs | `SLURM_ARRAY_TASK_ID`, with `_MIN`, `_MAX`, `_STEP` and `_COUNT` | the array's own |
//! | Kubernetes, an Indexed Job | `JOB_COMPLETION_INDEX`; how many, it does not say: set `NVMETEST_SHARDS` | 0 |
//! | Bazel | `TEST_SHARD_INDEX`, `TEST_TOTAL_SHARDS`; it wants `TEST_SHARD_STATUS_FILE` to be touched | 0 |
//! | GitLab, `parallel:` | `CI_NODE_INDEX`, `CI_NODE_TOTAL` | 1 |
//!
//! The command line wins; two engines that contradict each other are refused. `--shard none` runs everything, whatever the
//! environment says: so does an array in which each task has a drive of its own to qualify.
//!
//! Tests go to shards by [`Cut`]: the longest first, each to the shard that has least to do, so that no shard takes longer than
//! its share and one test. Every shard computes the same cut from the same list and the same weights. What nextest calls
//! `slice:2/5`, `count:2/5` and `hash:2/5` is understood in its place.

mod cut;
mod environment;
mod weights;

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

pub use cut::Cut;
pub use weights::Weights;

use crate::results;

/// How many shards a run can have.
const MOST: u32 = 100_000;

/// Which part of the tests is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 1.
    pub index: u32,
    /// Of how many.
    pub count: u32,
    /// How the tests are dealt out.
    pub by: By,
}

/// How tests are dealt out to shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The longest first, each to the shard that has least to do.
    Weight,
    /// In turn, in the order of the list: nextest's `slice` and `count`, which differ only where there are several programs.
    Turn,
    /// By a hash of the name: a test stays in its shard whatever else is in the list.
    Hash,
}

/// A shard, and who asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The shard.
    pub shard: Shard,
    /// Who asked for it, such as `--shard`.
    pub source: String,
    /// A file that is to be touched, so that the engine knows that it was understood.
    pub status_file: Option<PathBuf>,
}

/// Why there is no shard.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ShardError {
    /// It is written in another way.
    #[error("{source_name} is `{text}`, which is no shard; {hint}")]
    Syntax {
        /// Where it stands.
        source_name: String,
        /// What stands there.
        text: String,
        /// How it is written.
        hint: String,
    },
    /// An engine says only a part of it.
    #[error("{0}")]
    Incomplete(String),
    /// Two engines differ.
    #[error(
        "{first} asks for shard {first_shard}, and {second} for {second_shard}; say which with `--shard`"
    )]
    Contradiction {
        /// The one.
        first: String,
        /// What it asks for.
        first_shard: Shard,
        /// The other.
        second: String,
        /// What that asks for.
        second_shard: Shard,
    },
}

impl Shard {
    /// Finds out which shard is asked for: by `argument` of the command line, or else by the environment. None is everything.
    ///
    /// # Errors
    ///
    /// Fails if it is no shard, if an engine does not say of how many, and if two engines differ.
    pub fn choose(
        argument: Option<&str>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Chosen>, ShardError> {
        match argument {
            Some("none") => Ok(None),
            Some(text) => {
                let shard = text.parse().map_err(|hint| ShardError::Syntax {
                    source_name: "--shard".to_owned(),
                    text: text.to_owned(),
                    hint,
                })?;
                Ok(Some(Chosen { shard, source: "--shard".to_owned(), status_file: None }))
            }
            None => environment::chosen(&environment),
        }
    }

    /// Returns how it is written down in results, for a run of which `cut` says who has what.
    pub fn record(self, cut: &Cut) -> results::Shard {
        let Self { index, count, .. } = self;
        results::Shard { index, count, tests: cut.len() as u64, cut: cut.sum() }
    }
}

impl Chosen {
    /// Tells the engine that the shard was understood, if it wants to know.
    pub fn acknowledge(&self) -> io::Result<()> {
        match &self.status_file {
            Some(file) => fs::OpenOptions::new().create(true).append(true).open(file).map(drop),
            None => Ok(()),
        }
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (by, part) = match text.split_once(':') {
            None => (By::Weight, text),
            Some(("slice" | "count", part)) => (By::Turn, part),
            Some(("hash", part)) => (By::Hash, part),
            Some(_) => return Err(HINT.to_owned()),
        };
        let (index, count) = part.split_once('/').ok_or(HINT)?;
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if digits { text.parse::<u32>().ok() } else { None }
        };
        let (index, count) = number(index).zip(number(count)).ok_or(HINT)?;
        if MOST < count {
            return Err(format!("a run has at most {MOST} shards"));
        }
        if index < 1 || count < index {
            return Err(format!("the first of {count} is 1/{count}"));
        }
        Ok(Self { index, count, by })
    }
}

/// How a shard is written.
const HINT: &str =
    "write the second of five as 2/5, slice:2/5, count:2/5 or hash:2/5, and everything as none";

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.by {
            By::Weight => "",
            By::Turn => "slice:",
            By::Hash => "hash:",
        };
        write!(f, "{by}{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_written_as_it_is_read() {
        for text in ["1/1", "2/5", "slice:5/5", "hash:1/100000"] {
            assert_eq!(text.parse::<Shard>().unwrap().to_string(), text);
        }
        assert_eq!("count:2/5".parse::<Shard>().unwrap().by, By::Turn);
    }

    #[test]
    fn what_is_no_shard_is_refused_with_how_it_is_written() {
        for (text, hint) in [
            ("0/5", "the first of 5 is 1/5"),
            ("6/5", "the first of 5 is 1/5"),
            ("1/0", "the first of 0 is 1/0"),
            ("1/100001", "a run has at most 100000 shards"),
            ("2", "write the second of five as 2/5"),
            ("+1/5", "write the second"),
            ("1/5/5", "write the second"),
            ("round:1/5", "write the second"),
            ("", "write the second"),
            ("99999999999/5", "write the second"),
        ] {
            let error = Shard::choose(Some(text), |_| None).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("--shard is `{text}`, which is no shard; ")),
                "{error}"
            );
            assert!(error.contains(hint), "{error}");
        }
    }

    #[test]
    fn the_command_line_wins_and_none_is_everything() {
        let environment = |name: &str| (name == "NVMETEST_SHARD").then(|| "3/4".to_owned());
        let chosen = Shard::choose(Some("hash:1/2"), environment).unwrap().unwrap();
        assert_eq!((chosen.shard.to_string(), &*chosen.source), ("hash:1/2".to_owned(), "--shard"));
        assert_eq!(Shard::choose(Some("none"), environment), Ok(None));
        let chosen = Shard::choose(None, environment).unwrap().unwrap();
        assert_eq!(chosen.shard.to_string(), "3/4");
    }

    #[test]
    fn an_engine_is_told_that_it_was_understood() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("status");
        let shard = "1/2".parse().unwrap();
        let chosen = Chosen { shard, source: "Bazel".to_owned(), status_file: Some(file.clone()) };
        chosen.acknowledge().unwrap();
        assert!(file.is_file());
    }
}
