//! Enabling and disabling.

use nvmetest::prelude::*;
use nvmetest::spec::Property;

use super::fake::Fake;
use super::fake::Reply;

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

/// CC.EN is not cleared before CSTS.RDY was seen (Base 3.1.4.5), whoever has set it.
#[test]
fn a_controller_on_its_way_up_is_not_disabled_before_it_is_there() -> Result {
    let fake = Fake::new(|_, _| Reply::Normal);
    for property in [Property::AQA, Property::ASQ, Property::ACQ] {
        fake.set_register(property, 0);
    }
    fake.take_time(20);
    fake.enable_by_hand();
    let nvme = fake.open()?;
    assert!(!fake.was_hurried());
    nvme.health()
}
