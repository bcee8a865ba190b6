use nvmetest::prelude::*;

#[nvme_test]
fn wrong_outcome(_nvme: &Controller) -> u32 {
    7
}

fn main() {}
