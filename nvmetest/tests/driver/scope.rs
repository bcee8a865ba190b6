//! What safe code can do to a command in flight.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nvmetest::prelude::*;
use nvmetest_fixtures::soft;

use super::fake::Fake;
use super::fake::Reply;

const READ: u8 = 0x02;

/// A controller that never completes the first `n` reads, and all else.
fn silent(n: usize) -> std::sync::Arc<Fake> {
    let reads = AtomicUsize::new(0);
    Fake::new(move |qid, sqe| {
        let is_read = qid != 0 && sqe.opcode() == READ;
        let hangs = is_read && reads.fetch_add(1, Ordering::Relaxed) < n;
        if hangs { Reply::Silence } else { Reply::Normal }
    })
}

fn message<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|panic| match panic.downcast::<&str>() {
        Ok(text) => (*text).to_owned(),
        Err(panic) => panic.downcast::<String>().map_or_else(|_| "?".to_owned(), |text| *text),
    })
}

#[test]
fn a_leaked_ticket_does_not_end_the_loan() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    buf.fill(0xff);
    q.scope(|io| {
        std::mem::forget(ns.read(&mut buf, 0).submit(io));
        Ok(())
    })?;
    // The device has written: to read here is not a race.
    assert!(buf.iter().all(|&byte| byte == 0));
    Ok(())
}

#[test]
fn a_ticket_tells_what_has_completed_and_waits_for_nothing() -> Result {
    let nvme = silent(1).open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let (mut one, mut other) = (nvme.buffer(512), nvme.buffer(512));
    let error = q.scope(|io| {
        let hung = ns.read(&mut one, 0).timeout(Duration::from_millis(50)).submit(io);
        let done = ns.read(&mut other, 0).submit(io);
        assert!(hung.completion().is_none());
        let completion =
            done.completion().expect("the device completes while the doorbell is rung");
        assert!(completion.status.is_success());
        assert_eq!(completion.cid, done.cid());
        done.wait()?;
        hung.wait().map(drop)
    });
    assert!(matches!(error, Err(Error::Timeout { .. })), "{error:?}");
    Ok(())
}

#[test]
fn a_scope_waits_when_the_test_panics() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    buf.fill(0xff);
    let panic = message(|| {
        q.scope(|io| -> Result {
            ns.read(&mut buf, 0).submit(io);
            panic!("assertion of the test");
        })
    });
    assert_eq!(panic.unwrap_err(), "assertion of the test");
    assert!(buf.iter().all(|&byte| byte == 0));
    Ok(())
}

#[test]
fn a_scope_reports_a_failure_that_nobody_looked_at() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    let result = q.scope(|io| {
        ns.read(&mut buf, ns.capacity()).submit(io);
        Ok(())
    });
    assert!(matches!(result, Err(Error::Status { status: Status::LBA_OUT_OF_RANGE, .. })));
    Ok(())
}

#[test]
fn a_ticket_reports_its_own_failure_and_no_other() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(1024);
    let (bad, good) = buf.as_mut().split_at(512);
    q.scope(|io| {
        let bad = ns.read(bad, ns.capacity()).submit(io);
        let good = ns.read(good, 0).submit(io);
        good.wait()?;
        assert!(matches!(bad.wait(), Err(Error::Status { .. })));
        Ok(())
    })
}

#[test]
fn a_failure_names_the_line_that_built_the_command() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    let line = line!() + 1;
    let command = ns.read(&mut buf, ns.capacity());
    let error = command.run(&q).unwrap_err().to_string();
    assert!(error.contains(&format!("scope.rs:{line}:")), "{error}");
    assert!(error.ends_with("expected Successful Completion (00h/00h)"), "{error}");
    Ok(())
}

#[test]
fn scopes_nest_and_each_waits_for_its_own() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let q = nvme.qpair(8)?;
    let ns = nvme.namespace(1)?;
    let (mut outer, mut inner) = (nvme.buffer(512), nvme.buffer(512));
    outer.fill(0xff);
    inner.fill(0xff);
    q.scope(|io| {
        let ticket = ns.read(&mut outer, 0).submit(io);
        q.scope(|io| {
            ns.read(&mut inner, 0).submit(io);
            Ok(())
        })?;
        assert_eq!(inner[0], 0);
        assert_eq!(ticket.wait()?[0], 0);
        Ok(())
    })
}

#[test]
fn one_scope_spans_any_number_of_queues() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let queues = (0..5).map(|_| nvme.qpair(4)).collect::<Result<Vec<_>>>()?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(5 * 512);
    buf.fill(0xff);
    nvmetest::queue::scope_all(&queues, |ios| {
        for (io, chunk) in ios.iter().zip(buf.chunks_mut(512)) {
            ns.read(chunk, 0).submit(io);
        }
        ios.iter().try_for_each(|io| io.waitdone(1))
    })?;
    assert!(buf.iter().all(|&byte| byte == 0));
    Ok(())
}

#[test]
fn a_full_queue_panics_and_the_scope_still_waits() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let q = nvme.qpair(2)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(3 * 512);
    let panic = message(|| {
        q.scope(|io| {
            for chunk in buf.chunks_mut(512) {
                ns.read(chunk, 0).submit(io);
            }
            Ok(())
        })
    });
    assert_eq!(panic.unwrap_err(), "the queue is full: 2 commands are in flight");
    ns.flush().run(&q)?;
    Ok(())
}

#[test]
fn run_all_refills_a_small_queue() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let q = nvme.qpair(3)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(64 * 512);
    buf.fill(0xff);
    q.run_all(buf.chunks_mut(512).map(|chunk| ns.read(chunk, 0)))?;
    assert!(buf.iter().all(|&byte| byte == 0));
    Ok(())
}

#[test]
fn a_callback_may_submit_and_waitdone_counts_both() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let (mut hello, mut back) = (nvme.buffer(512), nvme.buffer(512));
    hello[..5].copy_from_slice(b"hello");
    q.scope(|io| {
        ns.write(&hello, 7).submit_with(io, |_cdw0, status| {
            assert!(status.is_success());
            ns.read(&mut back, 7).submit(io);
        });
        io.waitdone(2)
    })?;
    assert_eq!(&back[..5], b"hello");
    Ok(())
}

#[test]
fn waiting_for_more_than_was_submitted_is_an_error_and_not_a_hang() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let result = q.scope(|io| {
        ns.flush().submit(io);
        io.waitdone(2)
    });
    assert!(matches!(result, Err(Error::NothingInFlight { wanted: 2, done: 1, .. })), "{result:?}");
    Ok(())
}

#[test]
fn a_panic_in_a_callback_does_not_free_memory_in_flight() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(1024);
    buf.fill(0xff);
    let (first, second) = buf.as_mut().split_at(512);
    let panic = message(|| {
        q.scope(|io| {
            ns.read(first, 0).submit_with(io, |_, _| panic!("callback"));
            ns.read(second, 0).submit(io);
            io.waitdone(2)
        })
    });
    assert_eq!(panic.unwrap_err(), "callback");
    assert!(buf.iter().all(|&byte| byte == 0));
    Ok(())
}

#[test]
fn a_panic_in_a_callback_while_the_scope_closes_is_an_error() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let result = q.scope(|io| {
        ns.flush().submit_with(io, |_, _| panic!("too late"));
        Ok(())
    });
    assert!(matches!(result, Err(Error::Callback { message }) if message == "too late"));
    Ok(())
}

#[test]
fn a_callback_of_a_hung_command_may_use_the_controller_when_it_is_dropped() -> Result {
    struct IdentifyOnDrop<'c>(&'c Controller);
    impl Drop for IdentifyOnDrop<'_> {
        fn drop(&mut self) {
            self.0.identify_namespace(1).unwrap();
        }
    }

    let nvme = silent(1).open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    let bomb = IdentifyOnDrop(&nvme);
    let result = q.scope(|io| {
        let command = ns.read(&mut buf, 0).timeout(Duration::from_millis(10));
        command.submit_with(io, move |_, _| drop(bomb));
        Ok(())
    });
    assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
    Ok(())
}

#[test]
fn a_panic_in_the_drop_of_a_callback_does_not_skip_a_queue() -> Result {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }

    let fake = silent(2);
    let nvme = fake.open()?;
    let queues = [nvme.qpair(4)?, nvme.qpair(4)?];
    let ns = nvme.namespace(1)?;
    let (mut first, mut second) = (nvme.buffer(512), nvme.buffer(512));
    let panic = message(|| {
        let bomb = Bomb;
        nvmetest::queue::scope_all(&queues, |ios| {
            let soon = Duration::from_millis(10);
            let hung = ns.read(&mut first, 0).timeout(soon);
            hung.submit_with(&ios[0], move |_, _| drop(bomb));
            ns.read(&mut second, 0).timeout(soon).submit(&ios[1]);
            Ok(())
        })
    });
    assert_eq!(panic.unwrap_err(), "bomb");
    // Both queues were deleted to end the commands, so neither takes another.
    for q in &queues {
        assert!(matches!(ns.flush().run(q), Err(Error::QueueGone { .. })));
    }
    Ok(())
}
