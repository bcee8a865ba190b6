//! A test that takes down the machine that runs it, as far as the run can tell: its coordinator is gone without a word.

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::getppid;
use nvmetest::prelude::*;

#[nvme_test(cases(first = 1, second = 2))]
fn takes_the_run_down(_nvme: &Controller, #[case] _number: u32) -> Result {
    kill(getppid(), Signal::SIGKILL).map_err(|error| Error::Failed(error.to_string()))?;
    // The kernel ends this process with its coordinator.
    loop {
        std::thread::park();
    }
}

#[nvme_test]
fn the_last_stays_up(nvme: &Controller) -> Result {
    nvme.health()
}
