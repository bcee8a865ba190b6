//! A test that leaves something behind.

use nvmetest::CreateIoCq;
use nvmetest::prelude::*;
use nvmetest::spec::Sqe;
use zerocopy::FromZeros;

#[nvme_test]
fn leaves_a_queue(nvme: &Controller) -> Result {
    let fields =
        CreateIoCq { qid: 3, size_z: 1, contiguous: true, interrupts: false, vector: 0, offset: 0 };
    nvme.create_io_cq(fields).run(nvme)?;
    Ok(())
}

#[nvme_test]
fn the_next_finds_no_leak(nvme: &Controller) -> Result {
    assert!(nvme.leaks()?.is_empty());
    Ok(())
}

#[nvme_test]
fn leaves_the_controller_disabled(nvme: &mut Controller) -> Result {
    nvme.disable()
}

#[nvme_test]
fn the_next_finds_it_enabled(q: &Qpair<'_>) {
    assert!(0 < q.depth());
}

fn read_nowhere(nvme: &Controller) -> Result {
    let mut sqe = Sqe::new_zeroed();
    sqe.set_opcode(crate::fake_controller::READS_NOWHERE);
    Command::<Admin>::raw(sqe, ()).run(nvme).map(drop)
}

#[nvme_test]
fn has_the_device_read_nowhere(nvme: &Controller) -> Result {
    read_nowhere(nvme)
}

#[nvme_test]
fn has_it_read_nowhere_and_knows(nvme: &Controller) -> Result {
    read_nowhere(nvme)?;
    assert_eq!(nvme.take_dma_faults().len(), 1);
    Ok(())
}

/// The failure says what the device did, and says it once.
#[nvme_test]
fn has_it_read_nowhere_and_fails(nvme: &Controller) -> Result {
    nvme.scope(|_| {
        read_nowhere(nvme)?;
        Err(Error::Failed("the data is wrong".to_owned()))
    })
}
