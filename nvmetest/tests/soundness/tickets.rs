//! Tickets that are leaked, dropped, or waited for in another order.

use nvmetest::prelude::*;

use super::fake::Reply;
use super::setting::*;

#[test]
fn a_leaked_ticket_does_not_end_the_loan() -> Result {
    let nvme = device(|_| Reply::MovedLate(DATA, LATE)).open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    q.scope(|io| {
        std::mem::forget(ns.read(&mut buf, 0).submit(io));
        Ok(())
    })?;
    // The device has written: to read here is no race.
    assert!(buf.iter().all(|&byte| byte == DATA));
    Ok(())
}

#[test]
fn a_ticket_that_is_dropped_does_not_end_the_loan() -> Result {
    let nvme = device(|_| Reply::MovedLate(DATA, LATE)).open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    q.scope(|io| {
        drop(ns.read(&mut buf, 0).submit(io));
        Ok(())
    })?;
    assert!(buf.iter().all(|&byte| byte == DATA));
    Ok(())
}

#[test]
fn a_ticket_that_was_waited_for_gives_the_memory_back_within_the_scope() -> Result {
    let nvme = device(|_| Reply::MovedLate(DATA, LATE)).open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    q.scope(|io| {
        let mut data = ns.read(&mut buf, 0).submit(io).wait()?;
        assert!(data.iter().all(|&byte| byte == DATA));
        data.fill(0x11);
        let data = ns.read(data, 0).submit(io).wait()?;
        assert!(data.iter().all(|&byte| byte == DATA));
        Ok(())
    })
}

/// The parts of one buffer are lent to commands that complete in the other order.
#[test]
fn each_ticket_gives_back_its_own_part() -> Result {
    let fake = device(|sqe| match lba(sqe) {
        0 => Reply::MovedLate(DATA, LATE),
        _ => Reply::Moved(0x22),
    });
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(1024);
    let (slow, fast) = buf.as_mut().split_at(512);
    q.scope(|io| {
        let slow = ns.read(slow, 0).submit(io);
        let fast = ns.read(fast, 1).submit(io);
        assert!(fast.wait()?.iter().all(|&byte| byte == 0x22));
        assert!(slow.wait()?.iter().all(|&byte| byte == DATA));
        Ok(())
    })
}

/// The host may read what the device reads.
#[test]
fn memory_that_the_device_reads_is_shared_with_the_host() -> Result {
    let nvme = device(|_| Reply::MovedLate(DATA, LATE)).open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut data = nvme.buffer(512);
    data.fill(0x33);
    q.scope(|io| {
        let ticket = ns.write(&data, 0).submit(io);
        assert!(data.iter().all(|&byte| byte == 0x33));
        ticket.wait().map(drop)
    })?;
    data.fill(0x44);
    Ok(())
}
