//! Why results are not joined.

use std::io;
use std::path::Path;

use thiserror::Error;

use crate::results::SCHEMA;

/// Why results are not joined. Nothing was written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MergeError {
    /// A file or folder cannot be read or written.
    #[error("{path}: {error}; nothing was written")]
    File {
        /// Its name.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// A line is none of a file of results.
    #[error("{path}:{line}: {what}")]
    Line {
        /// The name of the file.
        path: String,
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// Who wrote it knows more than this version.
    #[error(
        "{path}: the results have schema {schema}, and this nvmetest understands {SCHEMA} and older; take a newer one"
    )]
    Newer {
        /// The name of the file.
        path: String,
        /// Its schema.
        schema: u32,
    },
    /// The user ended it, by this signal.
    #[error("{0}: nothing was joined, and nothing is left of it")]
    Interrupted(&'static str),
    /// The results do not belong together.
    #[error("{0}")]
    Refused(String),
}

impl MergeError {
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |error| Self::File { path, error }
    }
}
