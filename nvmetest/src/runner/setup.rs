//! Why a run cannot begin.

use crate::transport::OpenError;

/// Why a run cannot begin: one sentence for the person at the keyboard. The exit code is 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct SetupError(String);

impl SetupError {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl From<OpenError> for SetupError {
    fn from(error: OpenError) -> Self {
        Self(error.to_string())
    }
}
