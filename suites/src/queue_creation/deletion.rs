//! Delete I/O Completion Queue and Delete I/O Submission Queue (Base 5.2.3, 5.2.4).

use nvmetest::prelude::*;
use nvmetest::{CqOptions, SqOptions};

use super::{CQ, SQ, last_queues, with_completion_queue};

/// Queues that every controller can create.
const SHARED: CqOptions = CqOptions { entries: 2, vector: None };
const SMALL: SqOptions = SqOptions { entries: 2, priority: 0 };

/// A completion queue is not deleted before the submission queues that complete in it.
#[nvme_test(spec = "Base 5.2.3")]
fn a_completion_queue_in_use_is_not_deleted(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    nvme.delete_io_cq(q.cq_id()).expect(Status::INVALID_QUEUE_DELETION).run(nvme)?;
    ns.flush().run(q)?;
    Ok(())
}

/// One submission queue of several is enough to keep a completion queue.
#[nvme_test(spec = "Base 5.2.3")]
fn a_completion_queue_is_kept_by_the_last_submission_queue(
    nvme: &Controller,
    ns: Namespace,
) -> Result {
    has_two_submission_queues(nvme)?;
    let shared = nvme.completion_queue(SHARED)?;
    let first = shared.submission_queue(SMALL)?;
    let second = shared.submission_queue(SMALL)?;
    drop(first);
    nvme.delete_io_cq(shared.id()).expect(Status::INVALID_QUEUE_DELETION).run(nvme)?;
    ns.flush().run(&second)?;
    Ok(())
}

/// What is deleted is gone: to delete it again is Invalid Queue Identifier.
#[nvme_test(spec = "Base 5.2.3")]
fn a_completion_queue_is_deleted_once(nvme: &Controller) -> Result {
    with_completion_queue(nvme, || Ok(()))?;
    nvme.delete_io_cq(CQ.qid).expect(Status::INVALID_QUEUE_IDENTIFIER).run(nvme)?;
    Ok(())
}

/// What is deleted is gone: to delete it again is Invalid Queue Identifier.
#[nvme_test(spec = "Base 5.2.4")]
fn a_submission_queue_is_deleted_once(nvme: &Controller) -> Result {
    with_completion_queue(nvme, || {
        nvme.create_io_sq(SQ).run(nvme)?;
        nvme.delete_io_sq(SQ.qid).run(nvme)?;
        nvme.delete_io_sq(SQ.qid).expect(Status::INVALID_QUEUE_IDENTIFIER).run(nvme)?;
        Ok(())
    })
}

/// The admin queues are not deleted, nor are queues that cannot be.
#[nvme_test(spec = "Base 5.2.3")]
fn a_completion_queue_that_is_none_of_io_is_not_deleted(nvme: &Controller) -> Result {
    let (_, last) = last_queues(nvme)?;
    for qid in [0, last, last + 1, u16::MAX] {
        nvme.delete_io_cq(qid).expect(Status::INVALID_QUEUE_IDENTIFIER).run(nvme)?;
    }
    Ok(())
}

/// The admin queues are not deleted, nor are queues that cannot be.
#[nvme_test(spec = "Base 5.2.4")]
fn a_submission_queue_that_is_none_of_io_is_not_deleted(nvme: &Controller) -> Result {
    let (last, _) = last_queues(nvme)?;
    for qid in [0, last, last + 1, u16::MAX] {
        nvme.delete_io_sq(qid).expect(Status::INVALID_QUEUE_IDENTIFIER).run(nvme)?;
    }
    Ok(())
}

/// A queue that was deleted can be created again, and starts anew.
#[nvme_test(spec = "Base 5.2.4")]
fn a_queue_pair_can_be_deleted_and_created_again(nvme: &Controller, ns: Namespace) -> Result {
    let most = nvme.capabilities().cap.mqes_z().min(8);
    for depth in (1..=most).cycle().take(24) {
        let q = nvme.qpair(depth)?;
        // An odd number of commands, so that no pointer ends where it started.
        for _ in 0..2 * depth + 1 {
            ns.flush().run(&q)?;
        }
    }
    Ok(())
}

/// To delete a submission queue leaves others alone that complete in the same queue.
#[nvme_test(spec = "Base 5.2.4")]
fn the_deletion_of_a_submission_queue_is_its_own(nvme: &Controller, ns: Namespace) -> Result {
    has_two_submission_queues(nvme)?;
    let shared = nvme.completion_queue(SHARED)?;
    let kept = shared.submission_queue(SMALL)?;
    for _ in 0..8 {
        let other = shared.submission_queue(SMALL)?;
        ns.flush().run(&other)?;
        ns.flush().run(&kept)?;
        drop(other);
        ns.flush().run(&kept)?;
    }
    Ok(())
}

fn has_two_submission_queues(nvme: &Controller) -> Result {
    if nvme.queues_granted().0 < 2 {
        return Err(Error::NotApplicable("the controller has one submission queue".to_owned()));
    }
    Ok(())
}
