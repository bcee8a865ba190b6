//! How a poll loop spends the time until the next look.

use std::time::Duration;
use std::time::Instant;

/// Spins at first, for a fast device; then yields, for one that shares this processor; then sleeps, for a
/// command that takes its time.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    rounds: u32,
    since: Option<Instant>,
}

/// How many rounds are spun before the clock is looked at for the first time.
const SPINS: u32 = 200;

/// After this long nobody counts microseconds.
const PATIENCE: Duration = Duration::from_millis(3);

const NAP: Duration = Duration::from_micros(50);

impl Backoff {
    /// Waits a little. Returns true now and then, when it is time to look at clocks and at the device's health.
    #[inline]
    pub(crate) fn pause(&mut self) -> bool {
        self.rounds = self.rounds.wrapping_add(1);
        if self.rounds < SPINS {
            std::hint::spin_loop();
            return false;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() < PATIENCE {
            std::thread::yield_now();
        } else {
            std::thread::sleep(NAP);
        }
        true
    }
}
