use nvmetest::prelude::*;

#[nvme_test(cases(one = 1, two = 2, one = 3))]
fn doubled(#[case] _blocks: u32) {}

#[nvme_test(cases(one = 1))]
fn not_taken(_nvme: &Controller) {}

#[nvme_test]
fn not_given(#[case] _blocks: u32) {}

#[nvme_test(cases(1, 2))]
fn nameless(#[case] _blocks: u32) {}

#[nvme_test(cases(one = 1))]
fn two_parameters(#[case] _blocks: u32, #[case] _lba: u64) {}

#[nvme_test(cases(one = 1, two = "2"))]
fn another_type(#[case] _blocks: u32) {}

fn main() {}
