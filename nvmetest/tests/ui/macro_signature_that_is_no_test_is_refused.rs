use nvmetest::prelude::*;

#[nvme_test]
fn generic<T>(_nvme: &Controller) {}

#[nvme_test]
const fn constant(_nvme: &Controller) {}

#[nvme_test]
unsafe fn not_safe(_nvme: &Controller) {}

#[nvme_test]
extern "C" fn foreign(_nvme: &Controller) {}

struct Suite;

impl Suite {
    #[nvme_test]
    fn method(&self) {}
}

fn main() {}
