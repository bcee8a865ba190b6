//! Create I/O Completion Queue (Base 5.2.1).

use nvmetest::CreateIoCq;
use nvmetest::prelude::*;
use nvmetest::spec::pci::{CapabilityId, MsixControl, msix};

use super::{CQ, LIMITED_QUEUE_SIZE, last_queues, with_completion_queue};

/// A queue of one entry is none: QSIZE 0h is Invalid Queue Size.
#[nvme_test(spec = "Base 5.2.1")]
fn a_completion_queue_of_one_entry_is_refused(nvme: &Controller) -> Result {
    let create = nvme.create_io_cq(CreateIoCq { size_z: 0, ..CQ });
    create.expect(Status::INVALID_QUEUE_SIZE).run(nvme)?;
    Ok(())
}

/// A queue with more than CAP.MQES + 1 entries is Invalid Queue Size.
#[nvme_test(spec = "Base 5.2.1", requires(self::LIMITED_QUEUE_SIZE))]
fn a_completion_queue_beyond_mqes_is_refused(nvme: &Controller) -> Result {
    let size_z = nvme.capabilities().cap.mqes_z() + 1;
    let create = nvme.create_io_cq(CreateIoCq { size_z, ..CQ });
    create.expect(Status::INVALID_QUEUE_SIZE).run(nvme)?;
    Ok(())
}

/// The identifier of the Admin Completion Queue is taken.
#[nvme_test(spec = "Base 5.2.1")]
fn completion_queue_0_cannot_be_created(nvme: &Controller) -> Result {
    let create = nvme.create_io_cq(CreateIoCq { qid: 0, ..CQ });
    create.expect(Status::INVALID_QUEUE_IDENTIFIER).run(nvme)?;
    Ok(())
}

/// There is no completion queue beyond those that Number of Queues allocated.
#[nvme_test(spec = "Base 5.2.1")]
fn a_completion_queue_that_was_not_allocated_cannot_be_created(nvme: &Controller) -> Result {
    let (_, last) = last_queues(nvme)?;
    for qid in [last + 1, u16::MAX] {
        let create = nvme.create_io_cq(CreateIoCq { qid, ..CQ });
        create.expect(Status::INVALID_QUEUE_IDENTIFIER).run(nvme)?;
    }
    Ok(())
}

/// An identifier names one completion queue at a time.
#[nvme_test(spec = "Base 5.2.1")]
fn a_completion_queue_is_not_created_twice(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let create = nvme.create_io_cq(CreateIoCq { qid: q.cq_id(), ..CQ });
    create.expect(Status::INVALID_QUEUE_IDENTIFIER).run(nvme)?;
    // The queue that was there has come to no harm.
    ns.flush().run(q)?;
    Ok(())
}

/// Where queues have to be contiguous, one that is not is Invalid Field in Command.
#[nvme_test(spec = "Base 5.2.1", requires(CONTIGUOUS_QUEUES_REQUIRED))]
fn a_completion_queue_that_is_not_contiguous_is_refused(nvme: &Controller) -> Result {
    let create = nvme.create_io_cq(CreateIoCq { contiguous: false, ..CQ });
    create.expect(Status::INVALID_FIELD_IN_COMMAND).run(nvme)?;
    Ok(())
}

/// A completion queue starts at a memory page.
#[nvme_test(spec = "Base 5.2.1", cases(dword = 4, entry = 16, half_a_page = 2048))]
fn a_completion_queue_with_an_offset_is_refused(nvme: &Controller, #[case] offset: u16) -> Result {
    let create = nvme.create_io_cq(CreateIoCq { offset, ..CQ });
    create.expect(Status::PRP_OFFSET_INVALID).run(nvme)?;
    Ok(())
}

/// A vector that the function does not have is Invalid Interrupt Vector.
#[nvme_test(spec = "Base 5.2.1", requires(MSIX))]
fn an_interrupt_vector_that_does_not_exist_is_refused(nvme: &Controller) -> Result {
    let capability = nvme.pci().capability(CapabilityId::MSI_X.0)?;
    let capability = capability.expect("vectors can be observed, so there is MSI-X");
    let control = MsixControl::from(nvme.pci().read16(capability + msix::CONTROL)?);
    let _interrupts = nvme.interrupts(1)?;
    for vector in [control.table_size_z() + 1, u16::MAX] {
        let create = nvme.create_io_cq(CreateIoCq { interrupts: true, vector, ..CQ });
        create.expect(Status::INVALID_INTERRUPT_VECTOR).run(nvme)?;
    }
    Ok(())
}

/// A command that is refused creates nothing.
#[nvme_test(spec = "Base 5.2.1")]
fn a_completion_queue_that_was_refused_is_not_there(nvme: &Controller) -> Result {
    let create = nvme.create_io_cq(CreateIoCq { size_z: 0, ..CQ });
    create.expect(Status::INVALID_QUEUE_SIZE).run(nvme)?;
    // If it were there, it could not be created.
    with_completion_queue(nvme, || Ok(()))
}

/// Identifiers need not be used from the first on.
#[nvme_test(spec = "Base 5.2.1")]
fn the_last_completion_queue_can_be_the_first_to_be_created(nvme: &Controller) -> Result {
    let (_, qid) = last_queues(nvme)?;
    nvme.create_io_cq(CreateIoCq { qid, ..CQ }).run(nvme)?;
    nvme.delete_io_cq(qid).run(nvme)?;
    Ok(())
}
