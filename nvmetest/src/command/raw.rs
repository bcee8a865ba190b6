//! Any 64 bytes.

use crate::memory::Data;
use crate::spec::Sqe;

use super::Admin;
use super::Command;
use super::CommandSet;

impl<S: CommandSet, D: Data> Command<S, D> {
    /// Any submission queue entry, for what has no command of its own or has to be wrong.
    ///
    /// All bytes are sent as they are, but for those that would let the device reach memory that was not
    /// lent: the data pointer and PSDT are computed from `data` (zero if there is none), the metadata pointer
    /// is zero, and the command identifier is the queue's.
    ///
    /// # Panics
    ///
    /// At submission, for a command after whose completion the device would still use the memory: creating a
    /// queue, Doorbell Buffer Config, a Host Memory Buffer. The first and the last have
    /// ways of their own ([`Controller::create_io_cq`](crate::Controller::create_io_cq),
    /// [`Controller::enable_hmb`](crate::Controller::enable_hmb)). And for a command that writes host memory
    /// (bit 1 of the opcode) whose data was lent for reading.
    ///
    /// A command that writes host memory and whose length is not known to the driver fails at submission, unless
    /// what it lends cannot be overrun: one whole page, or three and more, or anything with an SGL.
    ///
    /// ```
    /// use nvmetest::prelude::*;
    /// use nvmetest::spec::Sqe;
    ///
    /// # fn main() -> Result {
    /// # let nvme = nvmetest_fixtures::soft::controller("soft:")?;
    /// let vendor_specific = Sqe::with_opcode(0xff);
    /// let command = Command::<Admin>::raw(vendor_specific, ());
    /// command.expect(Status::INVALID_COMMAND_OPCODE).run(&nvme)?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn raw(sqe: Sqe, data: D) -> Self {
        Self::new(sqe, data)
    }
}

impl Command<Admin> {
    /// Set Features for the Host Memory Buffer, whose addresses are not in the data pointer: whoever makes it
    /// keeps the memory that they name (`controller/hmb.rs`).
    #[track_caller]
    pub(crate) fn host_memory_buffer(sqe: Sqe) -> Self {
        Self::new(sqe, ()).verbatim()
    }
}

impl<S: CommandSet> Command<S> {
    /// Any submission queue entry, with its data and metadata pointers as they are.
    ///
    /// # Safety
    ///
    /// What the device may reach through the entry must be memory that nobody else uses until the command is
    /// complete, or for as long as the device keeps using it.
    #[track_caller]
    #[expect(unsafe_code, reason = "the one door to addresses of one's own")]
    pub unsafe fn raw_with_pointers(sqe: Sqe) -> Self {
        Self::new(sqe, ()).verbatim()
    }
}
