use nvmetest::prelude::*;

#[nvme_test]
fn exclusive_and_more(_nvme: &mut Controller, _q: &Qpair<'_>) {}

#[nvme_test]
fn owned(_nvme: Controller) {}

fn main() {}
