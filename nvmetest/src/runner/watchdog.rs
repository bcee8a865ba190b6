//! The end of a process whose test does not come back.

use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// A thread that waits for a test to overrun its timeout by far.
///
/// All waits of the driver end at the deadline of the test; what does not is a loop in the test itself, or
/// in a peer. Rust cannot stop a thread, so the process has to end.
#[derive(Debug)]
pub(crate) struct Watchdog {
    shared: Arc<Shared>,
    grace: Duration,
}

#[derive(Debug, Default)]
struct Shared {
    watched: Mutex<Option<Watched>>,
    changed: Condvar,
}

#[derive(Debug, Clone)]
struct Watched {
    what: String,
    until: Instant,
}

impl Shared {
    fn watched(&self) -> MutexGuard<'_, Option<Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watchdog {
    /// Starts the thread. It calls `overrun` with what did not come back `grace` after its time.
    pub(crate) fn start(
        grace: Duration,
        overrun: impl FnOnce(&str) + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let watchdog = Self { shared: Arc::clone(&shared), grace };
        thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(move || overrun(&wait_for_overrun(&shared)))?;
        Ok(watchdog)
    }

    /// Watches `what` from now on, in place of what was watched before.
    pub(crate) fn watch(&self, what: &str, timeout: Duration) {
        let until = Instant::now() + timeout + self.grace;
        *self.shared.watched() = Some(Watched { what: what.to_owned(), until });
        self.shared.changed.notify_one();
    }

    /// Watches nothing.
    pub(crate) fn rest(&self) {
        *self.shared.watched() = None;
        self.shared.changed.notify_one();
    }
}

fn wait_for_overrun(shared: &Shared) -> String {
    let mut watched = shared.watched();
    loop {
        let left = watched.as_ref().map(|w| w.until.saturating_duration_since(Instant::now()));
        watched = match (left, &*watched) {
            (Some(Duration::ZERO), Some(Watched { what, .. })) => return what.clone(),
            (Some(left), _) => {
                let woken = shared.changed.wait_timeout(watched, left);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
            (None, _) => shared.changed.wait(watched).unwrap_or_else(PoisonError::into_inner),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn what_does_not_come_back_is_named_and_what_did_is_not() {
        let (sender, overrun) = mpsc::channel();
        let report = move |what: &str| sender.send(what.to_owned()).unwrap();
        let watchdog = Watchdog::start(Duration::from_millis(5), report).unwrap();

        watchdog.watch("the first", Duration::from_secs(600));
        watchdog.rest();
        watchdog.watch("the second", Duration::ZERO);

        assert_eq!(overrun.recv_timeout(Duration::from_secs(60)).unwrap(), "the second");
    }
}
