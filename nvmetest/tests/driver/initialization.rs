//! Enabling and disabling.

use nvmetest::prelude::*;

use super::fake::{Fake, Reply};

/// CSTS.RDY follows CC.EN when it has been looked at some times, and the driver waits for that.
#[test]
fn a_controller_that_takes_its_time_is_waited_for() -> Result {
    let fake = Fake::new(|_, _| Reply::Normal);
    let mut nvme = fake.open()?;
    fake.take_time(20);
    nvme.disable()?;
    assert!(!nvme.registers().csts()?.rdy());
    nvme.reset()?;
    assert!(nvme.registers().csts()?.rdy());
    nvme.health()
}
