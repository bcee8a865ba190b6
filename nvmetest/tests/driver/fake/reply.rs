//! What the controller does with a command.

use nvmetest::spec::Cqe;
use nvmetest::spec::Sqe;
use nvmetest::spec::Status;

/// What the controller does with a command.
pub enum Reply {
    /// Completes it with success, after the admin command did what it does.
    Normal,
    /// Completes it with this status.
    Status(Status),
    /// Completes it with an entry that was changed.
    Entry(fn(&mut Cqe)),
    /// Completes it with success, after this page was written to its data.
    Page(fn(&Sqe) -> [u8; 4096]),
    /// Completes it with success, after its data was moved: a Read gives blocks of this byte.
    Moved(u8),
    /// As `Moved`, after so many rounds in which the device looks at its doorbells.
    MovedLate(u8, u32),
    /// Writes this byte to the data of a Read, again and again until it cannot, and does not complete it.
    Trample(u8),
    /// Writes these bytes so far from the start of its data, and completes it with success.
    Stray(i64, &'static [u8]),
    /// Writes a byte so far from the start of its data, where nothing is mapped, and completes it with this status.
    Fault(i64, Status),
    /// Ends the command that this Abort names, and says whether there was one.
    Abort,
    /// Completes it twice.
    Twice,
    /// Fills the completion queue with entries of no command, again and again, and does not complete it.
    Flood,
    /// Does nothing.
    Silence,
    /// Is pulled before it has done anything.
    Die,
}

/// Decides on a command by its submission queue and its entry.
pub type Behaviour = Box<dyn FnMut(u16, &Sqe) -> Reply + Send>;
