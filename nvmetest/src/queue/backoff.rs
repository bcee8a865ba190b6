//! How a poll loop spends the time until the next look.

use std::time::Duration;
use std::time::Instant;

/// Spins at first, for a fast device; then yields, for one that shares this processor; then sleeps, for a
/// command that takes its time.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    rounds: u32,
    since: Option<Instant>,
    is_patient: bool,
}

/// How many rounds are spun before the clock is looked at for the first time.
const SPINS: u32 = 200;

/// While the processor is yielded, clocks are looked at once in so many rounds. A look may take longer than the device does: where
/// programs cannot read the time by themselves, as in some virtual machines, and where the device's health is asked of a kernel.
const LOOK_EVERY: u32 = 16;

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
        if self.is_patient {
            std::thread::sleep(NAP);
            return true;
        }
        std::thread::yield_now();
        let looks = self.rounds.is_multiple_of(LOOK_EVERY);
        if looks {
            let since = *self.since.get_or_insert_with(Instant::now);
            self.is_patient = PATIENCE <= since.elapsed();
        }
        looks
    }
}
