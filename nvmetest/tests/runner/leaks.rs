//! A test that leaves something behind.

use nvmetest::CreateIoCq;
use nvmetest::prelude::*;

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
