use nvmetest::prelude::*;

#[nvme_test]
async fn asynchronous(_nvme: &Controller) {}

fn main() {}
