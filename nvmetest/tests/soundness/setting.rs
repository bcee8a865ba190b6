//! What the tests have in common.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use nvmetest::spec::AdminOpcode;
use nvmetest::spec::Sqe;
use nvmetest::spec::Status;
use nvmetest::transport::DmaModel;

use super::fake::Fake;
use super::fake::Reply;

/// What a Read gives.
pub const DATA: u8 = 0xdd;

/// So many rounds of the device go by until a late command completes.
pub const LATE: u32 = 20;

/// The timeout of a command that hangs.
pub const SOON: Duration = Duration::from_millis(20);

/// A device whose I/O commands do what `io` says of their entry.
pub fn device(mut io: impl FnMut(&Sqe) -> Reply + Send + 'static) -> Arc<Fake> {
    let behaviour = move |qid, sqe: &Sqe| if qid == 0 { Reply::Normal } else { io(sqe) };
    Fake::threaded(DmaModel::PerBuffer, behaviour)
}

/// A device that says of a queue that it is deleted, and goes on with its commands.
pub fn lying_device(mut io: impl FnMut(&Sqe) -> Reply + Send + 'static) -> Arc<Fake> {
    Fake::threaded(DmaModel::PerBuffer, move |qid, sqe| match (qid, sqe.admin_opcode()) {
        (0, AdminOpcode::DELETE_IO_SQ) => Reply::Status(Status::SUCCESS),
        (0, _) => Reply::Normal,
        _ => io(sqe),
    })
}

/// The first logical block of a command: by it the tests tell their commands apart.
pub fn lba(sqe: &Sqe) -> u32 {
    sqe.cdw10.get()
}

/// Polls until it holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(5), "{what}");
        std::thread::yield_now();
    }
}

/// The message of a panic.
pub fn panic_of<T>(body: impl FnOnce() -> T) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(body)).err()?;
    Some(match panic.downcast::<&str>() {
        Ok(text) => (*text).to_owned(),
        Err(panic) => panic.downcast::<String>().map_or_else(|_| "?".to_owned(), |text| *text),
    })
}
