use nvmetest::prelude::*;

#[nvme_test(specc = "Base 5.1")]
fn misspelt(_nvme: &Controller) {}

#[nvme_test(spec = 5)]
fn not_a_string(_nvme: &Controller) {}

#[nvme_test(spec = "Base 5.1", spec = "Base 5.2")]
fn doubled(_nvme: &Controller) {}

#[nvme_test(ignore)]
fn no_reason(_nvme: &Controller) {}

#[nvme_test(timeout = 60)]
fn seconds(_nvme: &Controller) {}

#[nvme_test(requires())]
fn requires_nothing(_nvme: &Controller) {}

#[ignore]
#[nvme_test]
fn ignored_as_in_libtest(_nvme: &Controller) {}

#[nvme_test]
#[ignore]
fn ignored_below(_nvme: &Controller) {}

fn main() {}
