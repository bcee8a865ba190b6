//! Commands that do not complete, and how their memory comes back.

use std::time::Duration;
use std::time::Instant;

use nvmetest::prelude::*;
use nvmetest::spec::AdminOpcode;
use nvmetest::transport::DmaModel;

use super::fake::Fake;
use super::fake::Reply;

const READ: u8 = 0x02;
const SOON: Duration = Duration::from_millis(10);

fn is_read(qid: u16, sqe: &nvmetest::spec::Sqe) -> bool {
    qid != 0 && sqe.opcode() == READ
}

#[test]
fn a_hung_command_is_ended_by_deleting_its_queue() -> Result {
    let fake = Fake::new(|qid, sqe| if is_read(qid, sqe) { Reply::Silence } else { Reply::Normal });
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    let result = ns.read(&mut buf, 0).timeout(SOON).run(&q);
    assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");

    // The queue is gone, the controller is not.
    let gone = ns.flush().run(&q).unwrap_err();
    assert!(gone.to_string().contains("it was deleted to end a command"), "{gone}");
    drop(q);
    ns.flush().run(&nvme.qpair(4)?)?;
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn where_memory_cannot_be_revoked_the_controller_is_disabled() -> Result {
    let fake = Fake::with_model(DmaModel::Whole, |qid, sqe| {
        let hangs = qid == 0 && sqe.admin_opcode() == AdminOpcode::GET_LOG_PAGE;
        if hangs { Reply::Silence } else { Reply::Normal }
    });
    let mut nvme = fake.open()?;
    let mut log = nvme.buffer(512);
    let command = nvme.get_log_page(nvmetest::LogPage::of(2), &mut log).timeout(SOON);
    assert!(matches!(command.run(&nvme), Err(Error::Timeout { .. })));

    let gone = nvme.identify_namespace(1).unwrap_err();
    assert!(gone.to_string().contains("the controller was disabled to end a command"), "{gone}");
    assert!(nvme.health().is_err());
    nvme.reset()?;
    nvme.identify_namespace(1)?;
    Ok(())
}

/// Nothing that the ladder asks of the controller is answered, and still there is an end.
#[test]
fn a_controller_that_answers_nothing_any_more_is_ended_in_bounded_time() -> Result {
    let silent = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_silent = silent.clone();
    let fake = Fake::with_model(DmaModel::Whole, move |_, _| {
        if is_silent.load(std::sync::atomic::Ordering::Relaxed) {
            Reply::Silence
        } else {
            Reply::Normal
        }
    });
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    silent.store(true, std::sync::atomic::Ordering::Relaxed);
    let start = Instant::now();
    let result = ns.read(&mut buf, 0).timeout(SOON).run(&q);
    assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
    assert!(start.elapsed() < Duration::from_secs(10));
    Ok(())
}

#[test]
fn a_device_that_is_pulled_ends_a_wait_at_once() -> Result {
    let fake = Fake::new(|qid, sqe| if is_read(qid, sqe) { Reply::Silence } else { Reply::Normal });
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    let start = Instant::now();
    let error = q
        .scope(|io| {
            let ticket = ns.read(&mut buf, 0).timeout(Duration::from_secs(60)).submit(io);
            fake.die();
            ticket.wait().map(drop)
        })
        .unwrap_err();
    assert!(error.is_lost(), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5));
    Ok(())
}

#[test]
fn a_deadline_ends_a_wait_and_names_the_command() -> Result {
    let fake = Fake::new(|qid, sqe| if is_read(qid, sqe) { Reply::Silence } else { Reply::Normal });
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    nvme.set_deadline(Instant::now() + SOON);
    let error = ns.read(&mut buf, 0).timeout(Duration::from_secs(60)).run(&q).unwrap_err();
    assert!(
        matches!(&error, Error::Deadline { waiting_for } if waiting_for.contains("Read (02h)"))
    );
    nvme.set_deadline(None);
    Ok(())
}

/// An Abort that works leaves the queue as it is.
#[test]
fn a_hung_command_is_aborted_before_its_queue_is_deleted() -> Result {
    let fake = Fake::new(|qid, sqe| match (qid, sqe.admin_opcode()) {
        (0, AdminOpcode::ABORT) => Reply::Abort,
        _ if is_read(qid, sqe) => Reply::Silence,
        _ => Reply::Normal,
    });
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    let result = ns.read(&mut buf, 0).timeout(SOON).run(&q);
    assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
    assert_eq!(fake.outstanding(), 0);
    ns.flush().run(&q)?;
    // The memory was not taken away either.
    let identify = nvme.identify(nvmetest::Identify::CONTROLLER, &mut buf);
    identify.run(&nvme)?;
    Ok(())
}

#[test]
fn a_controller_that_cannot_be_disabled_is_reset() -> Result {
    let fake = Fake::with_model(DmaModel::Whole, |qid, sqe| {
        let hangs = qid == 0 && sqe.admin_opcode() == AdminOpcode::GET_LOG_PAGE;
        if hangs { Reply::Silence } else { Reply::Normal }
    });
    let mut nvme = fake.open()?;
    let mut log = nvme.buffer(512);
    fake.stay_enabled();
    let command = nvme.get_log_page(nvmetest::LogPage::of(2), &mut log).timeout(SOON);
    assert!(matches!(command.run(&nvme), Err(Error::Timeout { .. })));
    let gone = nvme.identify_namespace(1).unwrap_err();
    assert!(gone.to_string().contains("the function was reset to end a command"), "{gone}");
    nvme.reset()?;
    nvme.identify_namespace(1)?;
    Ok(())
}

/// The identifier of a command that was given up is free when its completion has come after all.
#[test]
fn a_completion_that_comes_too_late_frees_its_identifier() -> Result {
    let fake = Fake::new(|qid, sqe| {
        let hangs = qid == 0 && sqe.admin_opcode() == AdminOpcode::GET_LOG_PAGE;
        if hangs { Reply::Silence } else { Reply::Normal }
    });
    let mut nvme = fake.open()?;
    let tiny = nvmetest::ControllerConfig { admin_sq_entries: 2, ..*nvme.config() };
    nvme.reset_with(&tiny)?;
    let mut log = nvme.buffer(512);
    let command = nvme.get_log_page(nvmetest::LogPage::of(2), &mut log).timeout(SOON);
    assert!(matches!(command.run(&nvme), Err(Error::Timeout { .. })));
    assert!(matches!(nvme.keep_alive().run(&nvme), Err(Error::QueueFull { .. })));
    fake.late_completion(0);
    // Whoever waits for anything takes it.
    let events = nvme.events(0)?;
    assert_eq!(events.poll(Duration::ZERO)?, None);
    nvme.keep_alive().run(&nvme)?;
    Ok(())
}
