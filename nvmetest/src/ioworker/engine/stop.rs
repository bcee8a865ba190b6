//! Why a worker does not go on.

use std::fmt;

/// Why a worker ends before its job is done.
#[derive(Debug)]
pub(in crate::ioworker) enum Stop {
    /// It cannot go on.
    GaveUp(String),
    /// It read what a block cannot hold.
    Miscompare(String),
}

impl From<String> for Stop {
    fn from(why: String) -> Self {
        Self::GaveUp(why)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::GaveUp(why) | Self::Miscompare(why)) = self;
        f.write_str(why)
    }
}
