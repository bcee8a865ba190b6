//! Tests that wait for something outside of them.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use nvmetest::prelude::*;

/// One ends when the other has begun, which takes two devices.
#[nvme_test(cases(one = (1, 2), two = (2, 1)))]
fn meets_the_other(_nvme: &Controller, #[case] (own, other): (u32, u32)) -> Result {
    crate::mark(&format!("met-{own}"));
    wait_for(&format!("met-{other}"))
}

#[nvme_test]
fn is_let_go(_nvme: &Controller) -> Result {
    crate::mark("waits-to-go");
    wait_for("go")
}

#[nvme_test]
fn comes_after(nvme: &Controller) -> Result {
    nvme.health()
}

fn wait_for(mark: &str) -> Result {
    let start = Instant::now();
    while !crate::is_marked(mark) {
        if Duration::from_secs(50) < start.elapsed() {
            return Err(Error::Failed(format!("nobody left the mark {mark}")));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
