//! Any 64 bytes.

use std::marker::PhantomData;

use crate::memory::{Data, Places};
use crate::spec::{AdminOpcode, Sqe};

use super::{Admin, Command, CommandSet};

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
    /// queue, Doorbell Buffer Config, a Host Memory Buffer. The first has commands of its own
    /// ([`Controller::create_io_cq`](crate::Controller::create_io_cq)).
    ///
    /// ```
    /// use nvmetest::prelude::*;
    /// use nvmetest::spec::Sqe;
    /// use zerocopy::FromZeros;
    ///
    /// # fn main() -> Result {
    /// # let nvme = nvmetest_fixtures::soft::controller("soft:")?;
    /// let mut sqe = Sqe::new_zeroed();
    /// sqe.set_opcode(0xff); // vendor specific
    /// let command = Command::<Admin>::raw(sqe, ());
    /// command.expect(Status::INVALID_COMMAND_OPCODE).run(&nvme)?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn raw(sqe: Sqe, data: D) -> Self {
        Self::new(sqe, data)
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
        let mut command = Self::new(sqe, ());
        command.terms.verbatim = true;
        Self { _set: PhantomData, ..command }
    }
}

/// Refuses what would give the device memory for longer than the command runs.
pub(super) fn check_claims<S: CommandSet>(sqe: &Sqe, places: &Places) {
    if std::any::TypeId::of::<S>() != std::any::TypeId::of::<Admin>() {
        return;
    }
    // The memory of a queue is kept by the controller until the queue is gone.
    if matches!(places, Places::One(place) if place.outlives_its_command) {
        return;
    }
    const HOST_MEMORY_BUFFER: u32 = 0x0d;
    let what = match sqe.admin_opcode() {
        AdminOpcode::CREATE_IO_SQ | AdminOpcode::CREATE_IO_CQ => {
            "creates a queue: use `nvme.create_io_cq` or `nvme.create_io_sq`"
        }
        AdminOpcode::DOORBELL_BUFFER_CONFIG => "gives the device doorbell buffers",
        AdminOpcode::CONTROLLER_DATA_QUEUE => "gives the device a data queue",
        AdminOpcode::TRACK_SEND => "gives the device memory to log to",
        AdminOpcode::SET_FEATURES if sqe.cdw10.get() & 0xff == HOST_MEMORY_BUFFER => {
            "gives the device a host memory buffer"
        }
        _ => return,
    };
    panic!(
        "a raw command that {what} cannot be run from safe code: the device would use memory \
            after the command is complete"
    );
}
