//! A device may send anything: it gives an error, and never a hang, a panic, or memory without end.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use std::time::Instant;

use nvmetest::prelude::*;
use nvmetest::spec::AdminOpcode;
use nvmetest::spec::Cap;
use nvmetest::spec::Property;
use nvmetest::spec::Sqe;

use super::fake::Fake;
use super::fake::Reply;

fn is_flush(qid: u16, sqe: &Sqe) -> bool {
    qid != 0 && sqe.opcode() == 0
}

/// Runs a Flush that the controller completes as `reply` says.
fn flush(reply: impl Fn() -> Reply + Send + 'static) -> Result {
    let fake = Fake::new(move |qid, sqe| if is_flush(qid, sqe) { reply() } else { Reply::Normal });
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    ns.flush().timeout(Duration::from_millis(50)).run(&q)?;
    ns.flush().timeout(Duration::from_millis(50)).run(&q)?;
    Ok(())
}

#[track_caller]
fn check(reply: impl Fn() -> Reply + Send + 'static, expected: &str) {
    let error = flush(reply).expect_err("the driver takes it for good").to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_completion_of_an_unknown_command_is_an_error() {
    check(
        || Reply::Entry(|cqe| cqe.cid = 0x1234.into()),
        "command identifier 0x1234 is not in flight",
    );
}

#[test]
fn a_command_that_is_completed_twice_is_an_error() {
    check(|| Reply::Twice, "is not in flight: it was completed twice or never submitted");
}

#[test]
fn a_completion_of_an_unknown_queue_is_an_error() {
    check(|| Reply::Entry(|cqe| cqe.sqid = 77.into()), "no submission queue 77 completes here");
}

#[test]
fn a_submission_queue_head_out_of_range_is_an_error() {
    check(|| Reply::Entry(|cqe| cqe.sqhd = 99.into()), "SQHD 99 is not an index of a queue of 5");
}

#[test]
fn a_submission_queue_head_that_passes_the_tail_is_an_error() {
    check(|| Reply::Entry(|cqe| cqe.sqhd = 4.into()), "SQHD 4 is not between");
}

#[test]
fn a_reserved_status_code_type_is_an_error() {
    let reserved = |cqe: &mut nvmetest::spec::Cqe| {
        cqe.set_status_field(cqe.status_field().with_sct(5));
    };
    check(move || Reply::Entry(reserved), "the status code type 5h is reserved");
}

#[test]
fn a_status_that_nobody_expects_is_an_error() {
    check(|| Reply::Status(Status::INTERNAL_ERROR), "status is Internal Error (00h/06h)");
}

#[track_caller]
fn check_cap(cap: u64, expected: &str) {
    let fake = Fake::new(|_, _| Reply::Normal);
    fake.set_register(Property::CAP, cap);
    let error = fake.open().expect_err("the driver takes it for good").to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn registers_of_all_ones_are_a_controller_that_is_gone() {
    check_cap(u64::MAX, "the controller is gone: CAP reads as all ones");
}

#[test]
fn absurd_capabilities_are_refused() {
    let cap = Cap::new().with_mqes_z(63).with_to(1);
    check_cap(cap.with_mqes_z(0).into(), "CAP.MQES = 0");
    check_cap(cap.with_mpsmin(3).with_mpsmax(1).into(), "CAP.MPSMIN 3 above CAP.MPSMAX 1");
    check_cap(cap.with_mpsmin(15).with_mpsmax(15).into(), "no host has pages that large");
}

fn is_namespace_list(qid: u16, sqe: &Sqe) -> bool {
    let is_identify = qid == 0 && sqe.admin_opcode() == AdminOpcode::IDENTIFY;
    is_identify && sqe.cdw10.get() as u8 == 0x02
}

/// The 1024 namespaces behind the one that the list was asked for.
fn the_next_1024(sqe: &Sqe) -> [u8; 4096] {
    let mut page = [0; 4096];
    for (after, entry) in page.chunks_exact_mut(4).zip(1..) {
        after.copy_from_slice(&sqe.nsid.get().saturating_add(entry).to_le_bytes());
    }
    page
}

/// Each list is full, and so is the next one.
#[test]
fn a_namespace_list_without_end_is_an_error() {
    // A driver that has asked so often would ask until there are no identifiers left.
    const TOO_MANY: usize = 4096;
    let lists = Arc::new(AtomicUsize::new(0));
    let asked = lists.clone();
    let fake = Fake::new(move |qid, sqe| {
        let endless = is_namespace_list(qid, sqe) && asked.fetch_add(1, Relaxed) < TOO_MANY;
        if endless { Reply::Page(the_next_1024) } else { Reply::Normal }
    });
    let error = fake.open().expect_err("the driver takes it for good").to_string();
    assert!(error.contains("an active namespace list of more than"), "{error}");
    assert!(lists.load(Relaxed) < TOO_MANY);
}

#[test]
fn a_namespace_list_that_does_not_ascend_is_an_error() {
    let fake = Fake::new(|qid, sqe| {
        let is_list = is_namespace_list(qid, sqe);
        if is_list { Reply::Page(|_| [7; 4096]) } else { Reply::Normal }
    });
    let error = fake.open().expect_err("the driver takes it for good").to_string();
    assert!(error.contains("namespace 117901063 behind 117901063"), "{error}");
}

/// A controller that completes nothing, and fills the completion queue for ever.
#[test]
fn a_flood_of_completions_does_not_hold_up_the_end_of_a_scope() -> Result {
    let fake = Fake::new(|qid, sqe| if is_flush(qid, sqe) { Reply::Flood } else { Reply::Normal });
    let nvme = fake.open()?;
    let q = nvme.qpair(8)?;
    let ns = nvme.namespace(1)?;
    let start = Instant::now();
    let result = q.scope(|io| {
        ns.flush().timeout(Duration::from_millis(10)).submit(io);
        Ok(())
    });
    assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
    Ok(())
}

/// A command that waits for ever ends with the test's time.
#[test]
fn a_scope_closes_when_the_deadline_is_over() -> Result {
    let fake =
        Fake::new(|qid, sqe| if is_flush(qid, sqe) { Reply::Silence } else { Reply::Normal });
    let nvme = fake.open()?;
    let q = nvme.qpair(8)?;
    let ns = nvme.namespace(1)?;
    let start = Instant::now();
    nvme.set_deadline(start + Duration::from_millis(20));
    let result = q.scope(|io| {
        ns.flush().timeout(Duration::MAX).submit(io);
        Ok(())
    });
    nvme.set_deadline(None);
    assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
    // The controller is asked to end the command also when the time is over.
    assert!(
        matches!(ns.flush().run(&q), Err(Error::QueueGone { why, .. }) if why.contains("deleted"))
    );
    nvme.health()
}
