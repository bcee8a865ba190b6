//! A test that leaves something behind.

use nvmetest::prelude::*;

#[nvme_test]
fn forgets_a_queue(nvme: &Controller) -> Result {
    std::mem::forget(nvme.qpair(2)?);
    Ok(())
}

#[nvme_test]
fn the_next_finds_no_leak(nvme: &Controller) -> Result {
    assert!(nvme.leaks()?.is_empty());
    Ok(())
}
