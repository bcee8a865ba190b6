//! Queues that end while commands are in flight: the controller is disabled, or the device is gone.

use std::cell::RefCell;

use nvmetest::prelude::*;
use nvmetest::queue::scope_all;

use super::fake::Reply;
use super::setting::*;

#[test]
fn what_is_in_flight_when_the_controller_is_disabled_fails_and_names_its_line() -> Result {
    let fake = device(|_| Reply::Trample(DATA));
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    let line = line!() + 2;
    let result = q.scope(|io| {
        let ticket = ns.read(&mut buf, 0).submit(io);
        eventually("the device has it", || fake.outstanding() == 1);
        nvme.disable()?;
        let error = ticket.wait().map(drop).unwrap_err();
        assert!(matches!(ns.flush().submit(io).wait(), Err(Error::QueueGone { .. })));
        Err::<(), _>(error)
    });
    let error = result.unwrap_err();
    assert!(matches!(error, Error::AbortedByHost { .. }), "{error}");
    let error = error.to_string();
    assert!(error.contains(&format!("ended.rs:{line}:")), "{error}");
    assert!(error.contains("Read (02h) on queue 1"), "{error}");
    assert!(error.ends_with("submission queue 1 ended: the controller was disabled"), "{error}");
    buf.fill(0x11);
    assert!(buf.iter().all(|&byte| byte == 0x11));
    Ok(())
}

#[test]
fn a_failure_by_disabling_that_nobody_waits_for_is_the_scopes() -> Result {
    let fake = device(|_| Reply::Trample(DATA));
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    let result = q.scope(|io| {
        ns.read(&mut buf, 0).submit(io);
        nvme.disable()
    });
    assert!(matches!(result, Err(Error::AbortedByHost { .. })), "{result:?}");
    buf.fill(0x11);
    Ok(())
}

#[test]
fn callbacks_are_called_with_a_status_that_the_host_made_in_the_order_of_submission() -> Result {
    let fake = device(|_| Reply::Trample(DATA));
    let nvme = fake.open()?;
    let queues = [nvme.qpair(4)?, nvme.qpair(4)?];
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(4 * 512);
    let calls = RefCell::new(Vec::new());
    scope_all(&queues, |ios| {
        for (number, part) in buf.chunks_mut(512).enumerate() {
            let calls = &calls;
            ns.read(part, 0).submit_with(&ios[number / 2], move |_, status| {
                calls.borrow_mut().push((number, status));
            });
        }
        nvme.disable()?;
        ios[0].waitdone(2)?;
        let aborted = Status::COMMAND_ABORTED_BY_HOST;
        assert_eq!(calls.take(), [(0, aborted), (1, aborted)]);
        Ok(())
    })?;
    let aborted = Status::COMMAND_ABORTED_BY_HOST;
    assert_eq!(calls.take(), [(2, aborted), (3, aborted)]);
    buf.fill(0x11);
    Ok(())
}

#[test]
fn a_test_may_expect_the_status_that_the_host_makes() -> Result {
    let fake = device(|_| Reply::Trample(DATA));
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    q.scope(|io| {
        let read = ns.read(&mut buf, 0).expect(Status::COMMAND_ABORTED_BY_HOST);
        let ticket = read.submit(io);
        nvme.disable()?;
        let (completion, _) = ticket.reap()?;
        assert_eq!(completion.status, Status::COMMAND_ABORTED_BY_HOST);
        Ok(())
    })
}

/// The first one is complete, though nobody has looked.
#[test]
fn what_completed_before_the_controller_was_disabled_has_the_devices_status() -> Result {
    let fake = device(|sqe| match lba(sqe) {
        0 => Reply::Moved(DATA),
        _ => Reply::Silence,
    });
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(1024);
    let (first, second) = buf.as_mut().split_at(512);
    q.scope(|io| {
        let first = ns.read(first, 0).submit(io);
        let second = ns.read(second, 1).submit(io);
        eventually("the device has the second", || fake.outstanding() == 1);
        nvme.disable()?;
        assert!(matches!(second.wait(), Err(Error::AbortedByHost { .. })));
        assert!(first.wait()?.iter().all(|&byte| byte == DATA));
        Ok(())
    })
}

#[test]
fn a_callback_that_is_called_for_the_device_may_panic() -> Result {
    let fake = device(|_| Reply::Trample(DATA));
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(1024);
    let (first, second) = buf.as_mut().split_at(512);
    let result = q.scope(|io| {
        ns.read(first, 0).submit_with(io, |_, _| panic!("at the end"));
        ns.read(second, 1).submit(io);
        nvme.disable()
    });
    assert!(matches!(result, Err(Error::Callback { message }) if message == "at the end"));
    buf.fill(0x11);
    Ok(())
}

#[test]
fn a_controller_that_was_disabled_with_commands_in_flight_works_after_a_reset() -> Result {
    let fake = device(|sqe| match lba(sqe) {
        0 => Reply::Silence,
        _ => Reply::Moved(DATA),
    });
    let mut nvme = fake.open()?;
    let mut buf = nvme.buffer(512);
    {
        let q = nvme.qpair(4)?;
        let ns = nvme.namespace(1)?;
        let result = q.scope(|io| {
            ns.read(&mut buf, 0).submit(io);
            nvme.disable()
        });
        assert!(matches!(result, Err(Error::AbortedByHost { .. })), "{result:?}");
    }
    nvme.reset()?;
    let q = nvme.qpair(4)?;
    // The memory was not taken away: it can be lent again.
    nvme.namespace(1)?.read(&mut buf, 1).run(&q)?;
    assert!(buf.iter().all(|&byte| byte == DATA));
    Ok(())
}

#[test]
fn a_device_that_is_gone_ends_a_wait_and_the_scope() -> Result {
    let fake = device(|sqe| match lba(sqe) {
        0 => Reply::Silence,
        _ => Reply::Die,
    });
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(1024);
    let (first, second) = buf.as_mut().split_at(512);
    let result = q.scope(|io| {
        let first = ns.read(first, 0).submit(io);
        std::mem::forget(ns.read(second, 1).submit(io));
        first.wait().map(drop)
    });
    assert!(result.as_ref().is_err_and(Error::is_lost), "{result:?}");
    buf.fill(0x11);
    Ok(())
}

/// It is not said to be slow.
#[test]
fn a_device_that_is_gone_is_the_scopes_failure_when_nobody_waits() -> Result {
    let fake = device(|_| Reply::Die);
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    let result = q.scope(|io| {
        ns.read(&mut buf, 0).submit_with(io, |_, _| panic!("it did not complete"));
        Ok(())
    });
    assert!(result.as_ref().is_err_and(Error::is_lost), "{result:?}");
    buf.fill(0x11);
    Ok(())
}
