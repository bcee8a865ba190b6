//! Why a run cannot begin.

use crate::qualify::profile::ProfileError;
use crate::qualify::shard::ShardError;
use crate::report::ReportError;
use crate::results::ResultsError;
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

impl From<ProfileError> for SetupError {
    fn from(error: ProfileError) -> Self {
        Self(error.to_string())
    }
}

impl From<ShardError> for SetupError {
    fn from(error: ShardError) -> Self {
        Self(error.to_string())
    }
}

impl From<ResultsError> for SetupError {
    fn from(error: ResultsError) -> Self {
        Self(error.to_string())
    }
}

impl From<ReportError> for SetupError {
    fn from(error: ReportError) -> Self {
        Self(error.to_string())
    }
}

impl From<OpenError> for SetupError {
    fn from(error: OpenError) -> Self {
        Self(error.to_string())
    }
}
