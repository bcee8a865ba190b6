//! What can go wrong with a test: a stand-in until the driver is there.

use crate::spec::Csts;
use crate::transport::TransportError;

/// The result of a command, or of a test.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Why a test cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The controller cannot do what is under test.
    #[error("not applicable: {0}")]
    NotApplicable(String),
    /// The test decided not to run.
    #[error("skipped: {0}")]
    Skipped(String),
    /// The test could not get as far as what it tests.
    #[error("blocked: {0}")]
    Blocked(String),
    /// The controller set CSTS.CFS.
    #[error("the controller has a fatal status, CSTS.CFS is set (Base 9.5): {0:?}")]
    Fatal(Csts),
    /// The way to the device failed.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The test failed.
    #[error("{0}")]
    Failed(String),
}

impl Error {
    /// Returns whether the controller is gone.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Transport(TransportError::Lost { .. }))
    }
}
