//! Cases that lose the device again and again.

use nvmetest::prelude::*;

#[nvme_test(cases(a = 1, b = 2, c = 3, d = 4))]
fn kills_the_device(nvme: &Controller, #[case] _number: u32) -> Result {
    nvme.pull()
}

#[nvme_test]
fn another_still_runs(nvme: &Controller) -> Result {
    nvme.health()
}
