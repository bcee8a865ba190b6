use nvmetest::prelude::*;

#[nvme_test]
struct NotAFunction;

fn main() {
    // The item is still there.
    let _ = NotAFunction;
}
