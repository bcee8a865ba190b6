//! Create I/O Submission Queue (Base 5.2.2).

use nvmetest::CreateIoSq;
use nvmetest::prelude::*;

use super::{LIMITED_QUEUE_SIZE, SQ, last_queues, with_completion_queue};

/// A queue of one entry is none: QSIZE 0h is Invalid Queue Size.
#[nvme_test(spec = "Base 5.2.2")]
fn a_submission_queue_of_one_entry_is_refused(nvme: &Controller) -> Result {
    refuses(nvme, CreateIoSq { size_z: 0, ..SQ }, Status::INVALID_QUEUE_SIZE)
}

/// A queue with more than CAP.MQES + 1 entries is Invalid Queue Size.
#[nvme_test(spec = "Base 5.2.2", requires(self::LIMITED_QUEUE_SIZE))]
fn a_submission_queue_beyond_mqes_is_refused(nvme: &Controller) -> Result {
    let size_z = nvme.capabilities().cap.mqes_z() + 1;
    refuses(nvme, CreateIoSq { size_z, ..SQ }, Status::INVALID_QUEUE_SIZE)
}

/// The identifier of the Admin Submission Queue is taken.
#[nvme_test(spec = "Base 5.2.2")]
fn submission_queue_0_cannot_be_created(nvme: &Controller) -> Result {
    refuses(nvme, CreateIoSq { qid: 0, ..SQ }, Status::INVALID_QUEUE_IDENTIFIER)
}

/// There is no submission queue beyond those that Number of Queues allocated.
#[nvme_test(spec = "Base 5.2.2")]
fn a_submission_queue_that_was_not_allocated_cannot_be_created(nvme: &Controller) -> Result {
    let (last, _) = last_queues(nvme)?;
    for qid in [last + 1, u16::MAX] {
        refuses(nvme, CreateIoSq { qid, ..SQ }, Status::INVALID_QUEUE_IDENTIFIER)?;
    }
    Ok(())
}

/// An identifier names one submission queue at a time.
#[nvme_test(spec = "Base 5.2.2")]
fn a_submission_queue_is_not_created_twice(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let create = nvme.create_io_sq(CreateIoSq { qid: q.id(), cqid: q.cq_id(), ..SQ });
    create.expect(Status::INVALID_QUEUE_IDENTIFIER).run(nvme)?;
    // The queue that was there has come to no harm.
    ns.flush().run(q)?;
    Ok(())
}

/// I/O commands do not complete in the Admin Completion Queue.
#[nvme_test(spec = "Base 5.2.2")]
fn a_submission_queue_does_not_complete_in_completion_queue_0(nvme: &Controller) -> Result {
    refuses(nvme, CreateIoSq { cqid: 0, ..SQ }, Status::INVALID_QUEUE_IDENTIFIER)
}

/// A completion queue that was not allocated is Invalid Queue Identifier.
#[nvme_test(spec = "Base 5.2.2")]
fn a_submission_queue_needs_a_completion_queue_that_was_allocated(nvme: &Controller) -> Result {
    let (_, last) = last_queues(nvme)?;
    for cqid in [last + 1, u16::MAX] {
        refuses(nvme, CreateIoSq { cqid, ..SQ }, Status::INVALID_QUEUE_IDENTIFIER)?;
    }
    Ok(())
}

/// A completion queue that was allocated and not created is Completion Queue Invalid.
#[nvme_test(spec = "Base 5.2.2")]
fn a_submission_queue_needs_a_completion_queue_that_was_created(nvme: &Controller) -> Result {
    let create = nvme.create_io_sq(SQ);
    create.expect(Status::COMPLETION_QUEUE_INVALID).run(nvme)?;
    Ok(())
}

/// Where queues have to be contiguous, one that is not is Invalid Field in Command.
#[nvme_test(spec = "Base 5.2.2", requires(CONTIGUOUS_QUEUES_REQUIRED))]
fn a_submission_queue_that_is_not_contiguous_is_refused(nvme: &Controller) -> Result {
    refuses(nvme, CreateIoSq { contiguous: false, ..SQ }, Status::INVALID_FIELD_IN_COMMAND)
}

/// A submission queue starts at a memory page.
#[nvme_test(spec = "Base 5.2.2", cases(dword = 4, entry = 64, half_a_page = 2048))]
fn a_submission_queue_with_an_offset_is_refused(nvme: &Controller, #[case] offset: u16) -> Result {
    refuses(nvme, CreateIoSq { offset, ..SQ }, Status::PRP_OFFSET_INVALID)
}

/// The priority of a queue is ignored where the arbitration knows of none.
#[nvme_test(spec = "Base 5.2.2", cases(urgent = 0, high = 1, medium = 2, low = 3))]
fn a_priority_is_ignored_in_round_robin(nvme: &Controller, #[case] priority: u8) -> Result {
    with_completion_queue(nvme, || {
        nvme.create_io_sq(CreateIoSq { priority, ..SQ }).run(nvme)?;
        nvme.delete_io_sq(SQ.qid).run(nvme)?;
        Ok(())
    })
}

/// Identifiers need not be used from the first on, nor in pairs.
#[nvme_test(spec = "Base 5.2.2")]
fn the_last_submission_queue_can_be_the_first_to_be_created(nvme: &Controller) -> Result {
    let (qid, _) = last_queues(nvme)?;
    with_completion_queue(nvme, || {
        nvme.create_io_sq(CreateIoSq { qid, ..SQ }).run(nvme)?;
        nvme.delete_io_sq(qid).run(nvme)?;
        Ok(())
    })
}

/// Creates the queue for completion queue 1, which is there, and expects that it is refused.
fn refuses(nvme: &Controller, fields: CreateIoSq, status: Status) -> Result {
    with_completion_queue(nvme, || {
        nvme.create_io_sq(fields).expect(status).run(nvme)?;
        Ok(())
    })
}
