//! Creating and deleting I/O queues (Base 5.2.1 to 5.2.4), field by field.

mod completion;
mod deletion;
mod submission;

use nvmetest::capability::{Capability, Presence};
use nvmetest::prelude::*;
use nvmetest::{CreateIoCq, CreateIoSq};

/// Feature identifier of Number of Queues (Base 5.1.25.2.1).
const NUMBER_OF_QUEUES: u8 = 0x07;

/// A completion queue that every controller can create.
const CQ: CreateIoCq =
    CreateIoCq { qid: 1, size_z: 1, contiguous: true, interrupts: false, vector: 0, offset: 0 };

/// A submission queue that every controller can create, once there is completion queue 1.
const SQ: CreateIoSq =
    CreateIoSq { qid: 1, size_z: 1, contiguous: true, priority: 0, cqid: 1, offset: 0 };

/// There are sizes that QSIZE can name and the controller does not have.
static LIMITED_QUEUE_SIZE: Capability = Capability {
    name: "queue sizes that are too large",
    field: "CAP.MQES",
    clause: "Base 3.1.4.1",
    probe: |capabilities| {
        let mqes_z = capabilities.cap.mqes_z();
        Presence { present: mqes_z != u16::MAX, value: format!("{mqes_z:#x}") }
    },
};

/// The identifiers of the last submission and the last completion queue that the controller has.
fn last_queues(nvme: &Controller) -> Result<(u16, u16)> {
    let cdw0 = nvme.get_features(NUMBER_OF_QUEUES).run(nvme)?.cdw0;
    Ok(((cdw0 as u16).saturating_add(1), ((cdw0 >> 16) as u16).saturating_add(1)))
}

/// Runs `body` with completion queue 1, which is created and deleted field by field.
fn with_completion_queue(nvme: &Controller, body: impl FnOnce() -> Result) -> Result {
    nvme.create_io_cq(CQ).run(nvme)?;
    let result = body();
    let deleted = nvme.delete_io_cq(CQ.qid).run(nvme);
    result?;
    deleted.map(drop)
}

/// All the queues that the controller allocated exist at a time, and all of them work.
#[nvme_test(spec = "Base 5.1.25.2.1")]
fn all_queues_that_were_allocated_can_be_used_at_once(nvme: &Controller, ns: Namespace) -> Result {
    let (submission, completion) = nvme.queues_granted();
    let pairs = submission.min(completion);
    let queues = (0..pairs).map(|_| nvme.qpair(1)).collect::<Result<Vec<_>>>()?;
    for q in &queues {
        ns.flush().run(q)?;
    }
    assert_eq!(queues.len(), usize::from(pairs));
    Ok(())
}

/// The number of queues cannot be changed once there is a queue.
#[nvme_test(spec = "Base 5.1.25.2.1")]
fn the_number_of_queues_is_fixed_once_there_is_a_queue(nvme: &Controller) -> Result {
    let before = nvme.get_features(NUMBER_OF_QUEUES).run(nvme)?.cdw0;
    with_completion_queue(nvme, || {
        let change = nvme.set_features(NUMBER_OF_QUEUES, 0);
        change.expect(Status::COMMAND_SEQUENCE_ERROR).run(nvme)?;
        Ok(())
    })?;
    assert_eq!(nvme.get_features(NUMBER_OF_QUEUES).run(nvme)?.cdw0, before);
    Ok(())
}

/// 65,536 queues cannot be asked for: the identifier of the last one would be that of none.
#[nvme_test(spec = "Base 5.1.25.2.1", cases(submission = 0x0000_ffff, completion = 0xffff_0000))]
fn more_queues_than_there_are_identifiers_cannot_be_asked_for(
    nvme: &mut Controller,
    #[case] cdw11: u32,
) -> Result {
    // After a reset there has been no queue, which would be another error.
    nvme.reset()?;
    let number = nvme.set_features(NUMBER_OF_QUEUES, cdw11);
    let refused = number.expect(Status::INVALID_FIELD_IN_COMMAND).run(&*nvme);
    refused.map(drop)
}
