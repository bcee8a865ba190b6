//! Why there is no table, or no room in it.

use std::io;
use std::path::PathBuf;

/// Why there is no table, or no room in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// There is no room for what is about to be written.
    #[error(
        "no room for the integrity table{}: {needed} bytes more were needed at {at:#x} of {total}: {why}; free that \
         much, or choose a file elsewhere", of_path(.path)
    )]
    NoRoom {
        /// The file, if it has a name.
        path: Option<PathBuf>,
        /// How many bytes were asked for.
        needed: usize,
        /// Where in the file.
        at: usize,
        /// How many bytes the table has when all blocks were touched.
        total: usize,
        /// What the kernel says.
        why: io::Error,
    },
    /// The file cannot be made, opened or mapped.
    #[error("cannot {what} the integrity table{} of {total} bytes, most of them a hole: {why}", of_path(.path))]
    File {
        /// What was tried.
        what: &'static str,
        /// The file, if it has a name.
        path: Option<PathBuf>,
        /// Its length.
        total: usize,
        /// What the kernel says.
        why: io::Error,
    },
    /// The file is no table, or that of something else.
    #[error("{} is no integrity table for this namespace: {why}; remove it, or choose another file", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// How it differs.
        why: String,
    },
    /// Blocks that the namespace does not have, or too many of them.
    #[error("{0}")]
    Range(String),
    /// A process holds what the table needs, and does not go on.
    #[error(
        "process {process} was stopped while it had a lock of the integrity table, where nobody can note a write until \
         it goes on or ends: continue it, or end it"
    )]
    Stopped {
        /// The process.
        process: u64,
    },
    /// The table has been used up.
    #[error("the integrity table has had {0}, and cannot tell more apart: start a new one")]
    UsedUp(String),
}

fn of_path(path: &Option<PathBuf>) -> String {
    path.as_ref().map_or_else(String::new, |path| format!(" {}", path.display()))
}

pub(super) fn failed(
    what: &'static str,
    path: Option<PathBuf>,
    total: usize,
    why: io::Error,
) -> TableError {
    TableError::File { what, path, total, why }
}
