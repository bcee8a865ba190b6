use nvmetest::prelude::*;

#[nvme_test]
fn keeps_the_controller(_nvme: &'static Controller) {}

#[nvme_test]
fn keeps_the_queue_pair(_q: &'static Qpair<'static>) {}

fn main() {}
