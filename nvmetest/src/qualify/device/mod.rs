//! The process that has a device.
//!
//! `protocol` is what the coordinator and it say to each other, `role` is what it does, and `process` is how the
//! coordinator sees it.

mod process;
mod protocol;
mod role;

pub(super) use process::DeviceProcess;
pub(super) use process::Heard;
pub(super) use protocol::Answer;
pub(super) use protocol::Found;
pub(super) use protocol::Open;
pub(super) use protocol::Ran;
pub(super) use protocol::Request;
pub(super) use protocol::RunTest;
pub(crate) use role::serve;

/// The first argument of a device process; the process identifier of its coordinator follows.
///
/// It is none of the roles of [`ROLE_ARGUMENT`](crate::transport::ROLE_ARGUMENT): those may not open a device.
const ARGUMENT: &str = "--nvmetest-device-process";

/// The descriptor of the command log, which the coordinator has as well: it outlives the process.
const LOG: i32 = 3;
