//! Admin commands as values (Base 5).

mod exclusive;
mod features;
mod format;
mod identify;
mod io_queue;
mod log_page;

use zerocopy::little_endian::U32;

use crate::command::Admin;
use crate::command::Command;
use crate::spec::AdminOpcode;
use crate::spec::Sqe;
use crate::spec::command::AbortCdw10;

use super::Controller;

pub use exclusive::ExclusiveCommand;
pub use format::Format;
pub use identify::Identify;
pub use io_queue::CreateIoCq;
pub use io_queue::CreateIoSq;
pub use log_page::LogPage;

impl Controller {
    /// Abort (Base 5.1.1): bit 0 of the completion's `cdw0` is 0 if the command was aborted.
    #[track_caller]
    pub fn abort(&self, sqid: u16, cid: u16) -> Command<Admin> {
        let mut sqe = admin(AdminOpcode::ABORT, 0);
        sqe.cdw10 = dword(AbortCdw10::new().with_sqid(sqid).with_cid(cid));
        Command::new(sqe, ())
    }

    /// Asynchronous Event Request (Base 5.1.2): completes when there is an event, which may be never.
    ///
    /// For events that a test only wants to see there is [`events`](Self::events).
    #[track_caller]
    pub fn async_event_request(&self) -> Command<Admin> {
        Command::new(admin(AdminOpcode::ASYNC_EVENT_REQUEST, 0), ())
    }

    /// Keep Alive (Base 5.1.14).
    #[track_caller]
    pub fn keep_alive(&self) -> Command<Admin> {
        Command::new(admin(AdminOpcode::KEEP_ALIVE, 0), ())
    }
}

/// A command dword.
fn dword(bits: impl Into<u32>) -> U32 {
    U32::new(bits.into())
}

fn admin(opcode: AdminOpcode, nsid: u32) -> Sqe {
    let mut sqe = Sqe::with_opcode(opcode.0);
    sqe.nsid = U32::new(nsid);
    sqe
}
