//! Tests that lose the device.

use nvmetest::prelude::*;

#[nvme_test]
fn kills_the_device(nvme: &Controller) -> Result {
    nvme.pull()?;
    nvme.qpair(2)?;
    Ok(())
}

#[nvme_test]
fn kills_it_and_says_nothing(nvme: &Controller) -> Result {
    nvme.pull()
}

#[nvme_test]
fn the_next_finds_a_live_device(nvme: &Controller) -> Result {
    nvme.health()
}
