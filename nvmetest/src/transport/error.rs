//! What can go wrong on the way to a function.

use std::time::Duration;

/// Why a function could not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The function, or the process behind it, is gone. The session is over for this device.
    #[error("{device} is gone: {how}")]
    Lost {
        /// The device's URI.
        device: String,
        /// What was seen of its end: an exit status, its last words.
        how: String,
    },
    /// The other side said no.
    #[error("{device} refused {what}: {why}")]
    Refused {
        /// The device's URI.
        device: String,
        /// What was asked for.
        what: String,
        /// The reason that it gave.
        why: String,
    },
    /// The other side did not answer in time.
    #[error("{device} did not answer {what} within {after:?}")]
    Silent {
        /// The device's URI.
        device: String,
        /// What was asked for.
        what: String,
        /// How long the host waited.
        after: Duration,
    },
    /// The other side answered what the protocol does not allow.
    #[error("{device} broke the protocol of the transport: {how}")]
    Protocol {
        /// The device's URI.
        device: String,
        /// What it did.
        how: String,
    },
    /// This transport cannot do it.
    #[error("{device} cannot do {what}: {why}")]
    Unsupported {
        /// The device's URI.
        device: String,
        /// What was asked for.
        what: String,
        /// Why it cannot be had over this transport.
        why: String,
    },
}

/// Why a device could not be opened: the runner prints it and exits with code 2.
///
/// One sentence on what is wrong, and one on the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot open `{device}`: {what}; {way_out}")]
pub struct OpenError {
    /// The device's URI.
    pub device: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub way_out: String,
}

impl OpenError {
    /// Says what is wrong with `device` and the way out.
    pub fn new(
        device: impl Into<String>,
        what: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Self { device: device.into(), what: what.into(), way_out: way_out.into() }
    }
}
