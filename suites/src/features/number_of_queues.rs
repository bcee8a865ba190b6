//! Number of Queues (Base 5.1.25.2.1).

use nvmetest::prelude::*;
use nvmetest::spec::Fid;
use nvmetest::spec::feature::NumberOfQueues;

const FID: u8 = Fid::NUMBER_OF_QUEUES.0;

/// FFFFh queues of a kind cannot be asked for: Invalid Field in Command.
#[nvme_test(
    spec = "Base 5.1.25.2.1",
    cases(submission = 0x0000_ffff, completion = 0xffff_0000, both = 0xffff_ffff)
)]
fn ffff_is_no_number_of_queues(nvme: &mut Controller, #[case] cdw11: u32) -> Result {
    nvme.reset()?;
    nvme.set_features(FID, cdw11).expect(Status::INVALID_FIELD_IN_COMMAND).run(&*nvme)?;
    nvme.reset()
}

/// Any number may be asked for; one queue of each kind is granted at least, and Get Features says how many.
#[nvme_test(spec = "Base 5.1.25.2.1", cases(one = 0, two = 1, many = 0x3ff, most = 0xfffe))]
fn some_queues_are_granted(nvme: &mut Controller, #[case] wanted: u16) -> Result {
    nvme.reset()?;
    let cdw11 = NumberOfQueues::new().with_nsq_z(wanted).with_ncq_z(wanted);
    let granted = nvme.set_features(FID, cdw11.into_bits()).run(&*nvme)?.cdw0;
    let current = nvme.get_features(FID).run(&*nvme)?.cdw0;
    nvme.reset()?;
    assert_eq!(current, granted, "Get Features, and what Set Features granted");
    Ok(())
}

/// Once there is an I/O queue, the number cannot be changed: Command Sequence Error.
#[nvme_test(spec = "Base 5.1.25.2.1")]
fn the_number_cannot_change_while_there_are_queues(nvme: &Controller, q: &Qpair) -> Result {
    let before = nvme.get_features(FID).run(nvme)?.cdw0;
    nvme.set_features(FID, 0).expect(Status::COMMAND_SEQUENCE_ERROR).run(nvme)?;
    assert_eq!(nvme.get_features(FID).run(nvme)?.cdw0, before, "while queue {} is there", q.id());
    Ok(())
}
