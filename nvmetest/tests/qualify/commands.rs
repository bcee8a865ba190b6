//! A test that sends commands.

use nvmetest::prelude::*;

#[nvme_test]
fn keeps_alive(nvme: &Controller) -> Result {
    (0..3).try_for_each(|_| nvme.keep_alive().run(nvme).map(drop))
}
