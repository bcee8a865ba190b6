//! Commands that hang, and devices that write when it is too late.

use nvmetest::Identify;
use nvmetest::LogPage;
use nvmetest::prelude::*;
use nvmetest::spec::AdminOpcode;
use nvmetest::transport::DmaModel;

use super::fake::Fake;
use super::fake::Reply;
use super::setting::*;

/// The device says that the queue is deleted, and goes on with its commands.
#[test]
fn a_device_that_goes_on_when_its_queue_was_deleted_does_not_find_the_memory() -> Result {
    let fake = lying_device(|_| Reply::Trample(DATA));
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    let result = q.scope(|io| {
        ns.read(&mut buf, 0).timeout(SOON).submit(io);
        eventually("the device has it", || fake.outstanding() == 1);
        Ok(())
    });
    assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
    buf.fill(0x11);
    eventually("the device cannot write any more", || fake.misses() == 1);
    assert!(buf.iter().all(|&byte| byte == 0x11));
    Ok(())
}

/// Also the commands of a scope around the one that gave up: the same queue is said to be deleted.
#[test]
fn a_scope_around_the_one_that_gave_up_has_its_memory_back_too() -> Result {
    let fake = lying_device(|_| Reply::Trample(DATA));
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let (mut outer, mut inner) = (nvme.buffer(512), nvme.buffer(512));
    let result = q.scope(|io| {
        let ticket = ns.read(&mut outer, 0).submit(io);
        let hung = q.scope(|io| {
            ns.read(&mut inner, 1).timeout(SOON).submit(io);
            eventually("the device has both", || fake.outstanding() == 2);
            Ok(())
        });
        assert!(matches!(hung, Err(Error::Timeout { .. })), "{hung:?}");
        ticket.wait().map(drop)
    });
    assert!(matches!(result, Err(Error::AbortedByHost { .. })), "{result:?}");
    outer.fill(0x11);
    inner.fill(0x22);
    eventually("the device cannot write any more", || fake.misses() == 2);
    assert!(outer.iter().all(|&byte| byte == 0x11) && inner.iter().all(|&byte| byte == 0x22));
    Ok(())
}

/// The queue cannot be deleted: it is the admin queue.
#[test]
fn memory_is_revoked_from_an_admin_command_that_hangs() -> Result {
    let fake = Fake::threaded(DmaModel::PerBuffer, |_, sqe| match sqe.admin_opcode() {
        AdminOpcode::GET_LOG_PAGE => Reply::Trample(DATA),
        _ => Reply::Normal,
    });
    let nvme = fake.open()?;
    let mut log = nvme.buffer(512);
    let command = nvme.get_log_page(LogPage::of(2), &mut log).timeout(SOON);
    assert!(matches!(command.run(&nvme), Err(Error::Timeout { .. })));
    log.fill(0x11);
    eventually("the device cannot write any more", || fake.misses() == 1);
    assert!(log.iter().all(|&byte| byte == 0x11));
    // The controller is as it was.
    nvme.identify_namespace(1)?;
    Ok(())
}

/// Where memory cannot be taken away, the controller is disabled.
#[test]
fn a_device_that_was_disabled_does_not_write_to_memory_that_it_could_reach() -> Result {
    let fake = Fake::threaded(DmaModel::Whole, |_, sqe| match sqe.admin_opcode() {
        AdminOpcode::GET_LOG_PAGE => Reply::Trample(DATA),
        _ => Reply::Normal,
    });
    let mut nvme = fake.open()?;
    let mut log = nvme.buffer(512);
    let command = nvme.get_log_page(LogPage::of(2), &mut log).timeout(SOON);
    assert!(matches!(command.run(&nvme), Err(Error::Timeout { .. })));
    log.fill(0x11);
    assert!(nvme.health().is_err());
    nvme.reset()?;
    nvme.identify_namespace(1)?;
    assert!(log.iter().all(|&byte| byte == 0x11));
    Ok(())
}

/// The buffer is gone, and somebody else has its pages, when the device writes.
#[test]
fn a_write_that_comes_when_the_buffer_is_gone_finds_nothing() -> Result {
    let fake = lying_device(|_| Reply::Silence);
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    let result = q.scope(|io| {
        ns.read(&mut buf, 0).timeout(SOON).submit(io);
        eventually("the device has it", || fake.outstanding() == 1);
        Ok(())
    });
    assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
    let old = buf.iova();
    drop(buf);

    let next = nvme.buffer(512);
    assert_ne!(next.iova(), old, "an address is not used twice");
    assert!(!fake.late_write(0, 0xdd));
    assert!(next.iter().all(|&byte| byte == 0));
    Ok(())
}

/// Between two buffers is a page that is not mapped: an overrun of one does not reach the other.
#[test]
fn a_write_behind_the_end_of_a_buffer_finds_nothing() -> Result {
    let fake = device(|_| Reply::Silence);
    let nvme = fake.open()?;
    let (first, second) = (nvme.buffer(4096), nvme.buffer(4096));
    let (low, high) = (first.iova().min(second.iova()).0, first.iova().max(second.iova()).0);
    for at in (low + 4096..high).step_by(512) {
        assert!(!fake.write(at, &[0xdd; 512]), "{at:#x} is mapped");
    }
    assert!(!fake.write(low + 4096 - 256, &[0xdd; 512]), "half of it is in the buffer");
    assert!(!fake.write(low + 4096, &[0xdd]) && low + 4096 < high);
    assert!(first.iter().chain(second.iter()).all(|&byte| byte == 0));
    Ok(())
}

/// A device that honours Abort keeps its queue, and the test its memory.
#[test]
fn a_command_that_is_aborted_gives_its_memory_back() -> Result {
    let fake = Fake::threaded(DmaModel::PerBuffer, |qid, sqe| match (qid, sqe.admin_opcode()) {
        (0, AdminOpcode::ABORT) => Reply::Abort,
        (0, _) => Reply::Normal,
        _ if lba(sqe) == 0 => Reply::Trample(DATA),
        _ => Reply::Moved(0x22),
    });
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(4096);
    let result = q.scope(|io| {
        ns.read(buf.slice_mut(0..512), 0).timeout(SOON).submit(io);
        eventually("the device has it", || fake.outstanding() == 1);
        Ok(())
    });
    assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
    buf.fill(0x11);
    assert_eq!(fake.misses(), 0);
    ns.read(buf.slice_mut(0..512), 1).run(&q)?;
    assert!(buf[..512].iter().all(|&byte| byte == 0x22));
    nvme.identify(Identify::CONTROLLER, &mut buf).run(&nvme)?;
    Ok(())
}

/// The Abort was too late, or was ignored: the command completes as if there had been none.
#[test]
fn a_command_that_completes_after_its_abort_is_waited_for() -> Result {
    let aborts = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seen = aborts.clone();
    let fake =
        Fake::threaded(DmaModel::PerBuffer, move |qid, sqe| match (qid, sqe.admin_opcode()) {
            (0, AdminOpcode::ABORT) => {
                seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                Reply::Normal
            }
            (0, _) => Reply::Normal,
            _ => Reply::MovedLate(DATA, LATE),
        });
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    q.scope(|io| {
        let ticket = ns.read(&mut buf, 0).submit(io);
        nvme.abort(q.id(), ticket.cid()).run(&nvme)?;
        let data = ticket.wait()?;
        assert!(data.iter().all(|&byte| byte == DATA));
        Ok(())
    })?;
    assert_eq!(aborts.load(std::sync::atomic::Ordering::Relaxed), 1);
    buf.fill(0);
    Ok(())
}
