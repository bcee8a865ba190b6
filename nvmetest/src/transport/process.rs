//! The process behind a device.

use std::fmt;
use std::io;

/// The process that plays a device, where the session has started it and may end it.
///
/// A transport that is given one tells more about a connection that breaks (how the process ended, its
/// last words), and it can [end the device](super::Function::terminate).
pub trait Process: Send + Sync + fmt::Debug {
    /// Returns how the process ended and its last words, or `None` as long as it runs.
    ///
    /// The text continues "the device is gone: ", for example "its process was killed by SIGKILL". The
    /// call does not block, and once it has returned `Some` it goes on to do so.
    fn exit_status(&self) -> Option<String>;

    /// Kills the process and waits until the kernel has reaped it: from then on none of its threads
    /// reads or writes memory that it shared. A process that has already ended is no error.
    ///
    /// # Errors
    ///
    /// Fails if the process is not gone within a deadline of the implementation's.
    fn kill(&self) -> io::Result<()>;
}
