//! Tests that end their process, or their device.

use nvmetest::prelude::*;

#[nvme_test(spec = "Base 2.1")]
fn crashes(nvme: &Controller) -> Result {
    nvme.keep_alive().run(nvme)?;
    eprintln!("these are the last words");
    std::process::abort();
}

#[nvme_test]
fn the_next_finds_a_device(nvme: &Controller) -> Result {
    nvme.health()
}

#[nvme_test(timeout = std::time::Duration::from_millis(50))]
fn does_not_come_back(_nvme: &Controller) {
    crate::mark("parked");
    loop {
        std::thread::park();
    }
}

/// All of its process is stopped, the watchdog in it as well.
#[nvme_test(timeout = std::time::Duration::from_millis(50))]
fn is_stopped(_nvme: &Controller) -> Result {
    let stopped = nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP);
    stopped.map_err(|error| Error::Failed(error.to_string()))
}

#[nvme_test]
fn kills_the_device(nvme: &Controller) -> Result {
    nvme.pull()
}

/// Only the first time.
#[nvme_test]
fn kills_once(nvme: &Controller) -> Result {
    if crate::mark("killed") { nvme.pull() } else { nvme.health() }
}

#[nvme_test(cases(a = 1, b = 2, c = 3, d = 4))]
fn kills_again_and_again(nvme: &Controller, #[case] _number: u32) -> Result {
    nvme.pull()
}

#[nvme_test]
fn the_last_finds_a_device(nvme: &Controller) -> Result {
    nvme.health()
}
