use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &Controller) -> Result {
    nvme.reset()
}

fn main() {}
