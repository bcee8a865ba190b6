//! What a test leaves behind for the next one.

use std::time::Duration;

use nvmetest::ControllerConfig;
use nvmetest::Format;
use nvmetest::prelude::*;
use nvmetest::spec::AdminOpcode;
use nvmetest::spec::Property;
use nvmetest::spec::property::ShutdownNotification;
use nvmetest::transport::DmaModel;
use nvmetest_fixtures::soft;

use super::fake::Fake;
use super::fake::Reply;

/// Nobody holds the queues any more, and nobody will delete them.
#[test]
fn a_queue_pair_that_was_forgotten_is_a_leak() -> Result {
    let mut nvme = soft::controller("soft:size=1MiB")?;
    std::mem::forget(nvme.qpair(4)?);
    let queues = ["submission queue 1 was not deleted", "completion queue 1 was not deleted"];
    assert_eq!(nvme.leaks()?, queues);
    nvme.reset()?;
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_queue_that_could_not_be_deleted_is_a_leak() -> Result {
    let fake = Fake::new(|qid, sqe| {
        let deletes = qid == 0 && sqe.admin_opcode() == AdminOpcode::DELETE_IO_SQ;
        if deletes { Reply::Status(Status::INTERNAL_ERROR) } else { Reply::Normal }
    });
    let nvme = fake.open()?;
    drop(nvme.qpair(4)?);
    let leaks = nvme.leaks()?;
    assert_eq!(leaks.len(), 2, "{leaks:?}");
    assert!(leaks[0].starts_with("submission queue 1 could not be deleted: "), "{leaks:?}");
    assert_eq!(leaks[1], "submission queue 1 was not deleted");
    Ok(())
}

/// Where all of the arena is mapped, the device can reach what stands behind a buffer.
#[test]
fn a_write_behind_a_buffer_is_a_leak() -> Result {
    let fake = Fake::with_model(DmaModel::Whole, |_, _| Reply::Normal);
    let nvme = fake.open()?;
    let buf = nvme.buffer(100);
    assert!(fake.write(buf.iova().0 + 4096 + 8, &[0x77]));
    drop(buf);
    let leaks = nvme.leaks()?;
    assert_eq!(leaks.len(), 1, "{leaks:?}");
    assert!(leaks[0].starts_with("the device wrote 0x77 at 0x"), "{leaks:?}");
    assert!(leaks[0].contains("4004 bytes behind the end of 100 bytes at 0x"), "{leaks:?}");
    assert!(leaks[0].ends_with("a buffer that no command is known to have been lent"), "{leaks:?}");
    Ok(())
}

#[test]
fn another_format_of_the_first_namespace_is_a_leak() -> Result {
    let mut nvme = soft::controller("soft:size=1MiB")?;
    let before = u8::from(nvme.identify_namespace(1)?.flbas);
    nvme.format(1, Format { lbaf: before ^ 1, ..Format::default() }).run()?;
    assert_eq!(nvme.leaks()?, ["the first namespace has another LBA format"]);

    nvme.format(1, Format { lbaf: before, ..Format::default() }).run()?;
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn another_configuration_is_reset_before_the_next_test() -> Result {
    let mut nvme = Fake::new(|_, _| Reply::Normal).open()?;
    assert!(!nvme.wants_reset());
    let tiny = ControllerConfig { admin_sq_entries: 2, ..*nvme.config() };
    nvme.reset_with(&tiny)?;
    assert!(nvme.wants_reset());
    nvme.reset_to_default()?;
    assert!(!nvme.wants_reset());
    Ok(())
}

/// A controller that completes no Asynchronous Event Request, and replies to Abort as told.
fn without_events(abort: fn() -> Reply) -> std::sync::Arc<Fake> {
    Fake::new(move |qid, sqe| match (qid, sqe.admin_opcode()) {
        (0, AdminOpcode::ASYNC_EVENT_REQUEST) => Reply::Silence,
        (0, AdminOpcode::ABORT) => abort(),
        _ => Reply::Normal,
    })
}

#[test]
fn event_requests_that_are_left_are_aborted() -> Result {
    let fake = without_events(|| Reply::Abort);
    let nvme = fake.open()?;
    let events = nvme.events(3)?;
    assert_eq!(events.poll(Duration::ZERO)?, None);
    assert_eq!((events.outstanding(), fake.outstanding()), (3, 3));
    drop(events);
    assert_eq!(fake.outstanding(), 0);
    assert!(!nvme.wants_reset());
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

/// Abort may do nothing (Base 5.1.1): no test is to blame, and the next one still must not see the requests.
#[test]
fn event_requests_that_cannot_be_aborted_need_a_reset() -> Result {
    let fake = without_events(|| Reply::Normal);
    let mut nvme = fake.open()?;
    drop(nvme.events(2)?);
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    assert!(nvme.wants_reset());
    nvme.reset()?;
    assert!(!nvme.wants_reset());
    assert_eq!(fake.outstanding(), 0);
    Ok(())
}

#[test]
fn the_identifiers_of_forgotten_queue_pairs_come_back_with_a_reset() -> Result {
    let mut nvme = soft::controller("soft:size=1MiB,queues=2")?;
    for _ in 0..3 {
        for _ in 0..2 {
            std::mem::forget(nvme.qpair(2)?);
        }
        assert!(matches!(nvme.qpair(2), Err(Error::NoQueue { .. })));
        nvme.reset()?;
    }
    Ok(())
}

#[test]
fn a_controller_that_was_told_to_shut_down_or_disabled_is_not_healthy() -> Result {
    let mut nvme = soft::controller("soft:size=1MiB,ready=50ms")?;
    nvme.health()?;
    let cc = nvme.registers().cc()?;
    nvme.registers().write32(Property::CC, cc.with_shn(ShutdownNotification::NORMAL).into())?;
    let error = nvme.health().unwrap_err().to_string();
    assert!(error.contains("shut down"), "{error}");
    nvme.reset()?;
    nvme.health()?;

    // RDY has not followed yet.
    nvme.registers().write32(Property::CC, cc.with_en(false).into())?;
    let error = nvme.health().unwrap_err().to_string();
    assert!(error.contains("not enabled"), "{error}");
    Ok(())
}
