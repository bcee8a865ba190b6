//! Waiting for devices, signals, and time.

use std::os::fd::AsFd;
use std::time::Duration;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;

use super::lane::Lane;
use super::signals::Signals;

/// Waits until there is something to hear, a deadline passes, or `tick` is over.
pub(super) fn wait(signals: &Signals, lanes: &[Lane], tick: Option<Duration>) {
    let busy = || lanes.iter().filter(|lane| !lane.is_done());
    let processes = || busy().filter_map(|lane| lane.process.as_ref());
    let descriptors = processes().flat_map(|process| process.descriptors());
    let mut all: Vec<PollFd<'_>> = std::iter::once(signals.as_fd())
        .chain(descriptors)
        .map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN))
        .collect();
    let now = Instant::now();
    let left = busy().map(|lane| lane.until.saturating_duration_since(now)).chain(tick).min();
    // Rounded up, for it would be too early otherwise.
    let left = left.map_or(0, |left| left.as_millis().saturating_add(1));
    let left = PollTimeout::try_from(i32::try_from(left).unwrap_or(i32::MAX));
    match poll(&mut all, left.unwrap_or(PollTimeout::MAX)) {
        Ok(_) | Err(Errno::EINTR) => {}
        // Without poll nothing can be waited for; the deadlines still hold.
        Err(_) => std::thread::sleep(Duration::from_millis(1)),
    }
}
