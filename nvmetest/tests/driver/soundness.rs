//! What safe code tries in order to get at memory that the device may write.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use nvmetest::memory::MemoryError;
use nvmetest::prelude::*;
use nvmetest::spec::AdminOpcode;
use nvmetest::{ControllerConfig, LogPage};
use nvmetest_fixtures::soft;

use super::fake::{Fake, Reply};

const READ: u8 = 0x02;

/// Two controllers in one arena, and one that came after another: no memory is given away twice.
#[test]
fn controllers_that_share_an_arena_do_not_share_memory() -> Result {
    let fake = Fake::new(|_, _| Reply::Normal);
    let first = fake.open()?;
    let mut kept = first.buffer(4096);
    kept.fill(0x11);
    let second = fake.neighbour().open()?;
    let mut others: Vec<Buffer> = (0..64).map(|_| second.buffer(4096)).collect();
    others.iter_mut().for_each(|other| other.fill(0x22));
    assert!(kept.iter().all(|&byte| byte == 0x11));
    Ok(())
}

/// An address is used once, so there is an end to them: it is an error, and no address beyond it.
#[test]
fn addresses_that_are_used_up_are_an_error() -> Result {
    let fake = Fake::with_addresses(0..(4 << 30) + (8 << 20), |_, _| Reply::Normal);
    let nvme = fake.open()?;
    let error = (0..).find_map(|_| nvme.try_buffer(1 << 20).err());
    assert!(matches!(error, Some(MemoryError::Addresses { .. })), "{error:?}");
    Ok(())
}

/// A callback that runs while the second scope closes submits to the first, which was closed by then.
#[test]
fn a_callback_that_submits_to_a_closed_scope_is_waited_for() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let queues = [nvme.qpair(4)?, nvme.qpair(4)?];
    let ns = nvme.namespace(1)?;
    for round in 0..50_u8 {
        let mut buf = nvme.buffer(512);
        buf.fill(0xff);
        nvmetest::queue::scope_all(&queues, |ios| {
            let buf = &mut buf;
            ns.flush().submit_with(&ios[1], |_, _| drop(ns.read(buf, 0).submit(&ios[0])));
            Ok(())
        })?;
        assert!(buf.iter().all(|&byte| byte == 0), "round {round}");
    }
    Ok(())
}

/// A callback that never ran submits a command as it is dropped: nobody would wait for that one.
#[test]
fn a_scope_that_has_ended_takes_no_commands() -> Result {
    struct ReadOnDrop<'s, 'e> {
        io: &'s nvmetest::Io<'s, 'e, Nvm>,
        command: Option<Command<Nvm, nvmetest::SliceMut<'s>>>,
    }
    impl Drop for ReadOnDrop<'_, '_> {
        fn drop(&mut self) {
            let refused = self.command.take().unwrap().submit(self.io).wait();
            assert!(matches!(refused, Err(Error::QueueGone { .. })));
        }
    }

    let writes = Arc::new(AtomicUsize::new(0));
    let seen = writes.clone();
    let fake = Fake::new(move |qid, sqe| match (qid, sqe.opcode()) {
        (0, _) => Reply::Normal,
        (_, READ) => {
            seen.fetch_add(1, Ordering::Relaxed);
            Reply::Silence
        }
        _ => Reply::Silence,
    });
    let nvme = fake.open()?;
    let queues = [nvme.qpair(4)?, nvme.qpair(4)?];
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    let result = nvmetest::queue::scope_all(&queues, |ios| {
        let command = Some(ns.read(&mut buf, 0));
        let read = ReadOnDrop { io: &ios[1], command };
        let hung = ns.flush().timeout(Duration::from_millis(10));
        hung.submit_with(&ios[0], move |_, _| drop(read));
        Ok(())
    });
    assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
    assert_eq!(writes.load(Ordering::Relaxed), 0);
    Ok(())
}

/// The only identifier of the admin queue is taken by a command that hangs: there is none for an Abort.
#[test]
fn a_full_admin_queue_does_not_stop_the_ladder() -> Result {
    let fake = Fake::new(|qid, sqe| {
        let hangs = qid == 0 && sqe.admin_opcode() == AdminOpcode::GET_LOG_PAGE;
        if hangs { Reply::Silence } else { Reply::Normal }
    });
    let mut nvme = fake.open()?;
    let tiny = ControllerConfig { admin_sq_entries: 2, ..*nvme.config() };
    nvme.reset_with(&tiny)?;
    let mut log = nvme.buffer(512);
    let command = nvme.get_log_page(LogPage::of(2), &mut log).timeout(Duration::from_millis(10));
    assert!(matches!(command.run(&nvme), Err(Error::Timeout { .. })));
    assert!(matches!(nvme.keep_alive().run(&nvme), Err(Error::QueueFull { .. })));
    assert!(matches!(nvme.events(1), Err(Error::QueueFull { .. })));
    nvme.reset_to_default()?;
    nvme.keep_alive().run(&nvme)?;
    Ok(())
}
