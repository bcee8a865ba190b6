use nvmetest::prelude::*;

#[nvme_test(specc = "Base 5.1", timeout)]
async fn wrong<T>(_nvme: &mut Controller, _q: &Qpair<'_>) {}

fn main() {}
