//! Scopes within scopes, over several queues, and queues that are full.

use nvmetest::prelude::*;
use nvmetest::queue::scope_all;

use super::fake::Reply;
use super::setting::*;

#[test]
fn scopes_nest_and_each_waits_for_its_own() -> Result {
    let fake = device(|sqe| match lba(sqe) {
        0 => Reply::MovedLate(DATA, 2 * LATE),
        _ => Reply::MovedLate(0x22, LATE),
    });
    let nvme = fake.open()?;
    let q = nvme.qpair(8)?;
    let ns = nvme.namespace(1)?;
    let (mut outer, mut inner) = (nvme.buffer(512), nvme.buffer(512));
    q.scope(|io| {
        let ticket = ns.read(&mut outer, 0).submit(io);
        q.scope(|io| {
            ns.read(&mut inner, 1).submit(io);
            Ok(())
        })?;
        assert!(inner.iter().all(|&byte| byte == 0x22));
        assert!(ticket.wait()?.iter().all(|&byte| byte == DATA));
        Ok(())
    })
}

#[test]
fn one_scope_spans_any_number_of_queues() -> Result {
    let nvme = device(|_| Reply::MovedLate(DATA, LATE)).open()?;
    let queues = (0..3).map(|_| nvme.qpair(4)).collect::<Result<Vec<_>>>()?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(3 * 512);
    scope_all(&queues, |ios| {
        for (io, chunk) in ios.iter().zip(buf.chunks_mut(512)) {
            ns.read(chunk, 0).submit(io);
        }
        // Only one of them is waited for by the test.
        ios[1].waitdone(1)
    })?;
    assert!(buf.iter().all(|&byte| byte == DATA));
    Ok(())
}

#[test]
fn two_queues_write_to_the_parts_of_one_buffer() -> Result {
    let nvme = device(|sqe| Reply::MovedLate(DATA, LATE * (1 + lba(sqe)))).open()?;
    let (a, b) = (nvme.qpair(4)?, nvme.qpair(4)?);
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(1024);
    let (left, right) = buf.as_mut().split_at(512);
    a.scope(|a| {
        b.scope(|b| {
            let left = ns.read(left, 1).submit(a);
            let right = ns.read(right, 0).submit(b);
            assert!(right.wait()?.iter().all(|&byte| byte == DATA));
            assert!(left.wait()?.iter().all(|&byte| byte == DATA));
            Ok(())
        })
    })
}

#[test]
fn two_queues_write_to_one_sink_that_the_host_reads_when_both_are_done() -> Result {
    let nvme = device(|_| Reply::MovedLate(DATA, LATE)).open()?;
    let queues = [nvme.qpair(4)?, nvme.qpair(4)?];
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    let sink = buf.as_sink();
    scope_all(&queues, |ios| {
        for io in ios {
            ns.read(sink, 0).submit(io);
            ns.read(sink, 1).submit(io);
        }
        Ok(())
    })?;
    assert!(buf.iter().all(|&byte| byte == DATA));
    Ok(())
}

#[test]
fn a_full_queue_panics_and_the_scope_still_waits() -> Result {
    let nvme = device(|_| Reply::MovedLate(DATA, LATE)).open()?;
    let q = nvme.qpair(2)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(3 * 512);
    let panic = panic_of(|| {
        q.scope(|io| {
            for chunk in buf.chunks_mut(512) {
                ns.read(chunk, 0).submit(io);
            }
            Ok(())
        })
    });
    assert_eq!(panic.as_deref(), Some("the queue is full: 2 commands are in flight"));
    assert!(buf[..1024].iter().all(|&byte| byte == DATA));
    assert!(buf[1024..].iter().all(|&byte| byte == 0));
    Ok(())
}

/// More commands than the queue has entries: it wraps, and each slot is used again.
#[test]
fn a_small_queue_is_refilled_until_all_is_done() -> Result {
    let nvme = device(|sqe| Reply::MovedLate(DATA, lba(sqe) % 3)).open()?;
    let q = nvme.qpair(3)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(10 * 512);
    q.run_all(buf.chunks_mut(512).zip(0..).map(|(chunk, lba)| ns.read(chunk, lba)))?;
    assert!(buf.iter().all(|&byte| byte == DATA));
    Ok(())
}

/// A callback that runs while the second scope closes submits to the first, which was closed by then.
#[test]
fn a_callback_that_submits_to_a_closed_scope_is_waited_for() -> Result {
    let nvme = device(|sqe| Reply::MovedLate(DATA, LATE * lba(sqe))).open()?;
    let queues = [nvme.qpair(4)?, nvme.qpair(4)?];
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    scope_all(&queues, |ios| {
        let buf = &mut buf;
        ns.flush().submit_with(&ios[1], |_, _| drop(ns.read(buf, 1).submit(&ios[0])));
        Ok(())
    })?;
    assert!(buf.iter().all(|&byte| byte == DATA));
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

    let fake = device(|_| Reply::Trample(DATA));
    let nvme = fake.open()?;
    let queues = [nvme.qpair(4)?, nvme.qpair(4)?];
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    let result = scope_all(&queues, |ios| {
        let command = Some(ns.read(&mut buf, 0));
        let read = ReadOnDrop { io: &ios[1], command };
        ns.flush().timeout(SOON).submit_with(&ios[0], move |_, _| drop(read));
        Ok(())
    });
    assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
    assert!(buf.iter().all(|&byte| byte == 0));
    buf.fill(0x11);
    // The other queue took nothing, and is as it was: its doorbell was not rung.
    eventually("nothing is outstanding", || fake.outstanding() == 0);
    assert!(buf.iter().all(|&byte| byte == 0x11));
    Ok(())
}
