//! A test that does not come back.

use nvmetest::prelude::*;

#[nvme_test(ignore = "it does not come back")]
fn never_returns(_nvme: &Controller) {
    loop {
        std::thread::park();
    }
}
