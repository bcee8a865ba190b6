//! A line that shows how a worker goes on, for who waits for it at a terminal.

use std::io::IsTerminal;
use std::io::Stderr;
use std::io::Write;
use std::io::stderr;
use std::time::Duration;

/// How often the line changes. A run that is over sooner has none.
const SHOW_EVERY: Duration = Duration::from_secs(1);

/// To the start of the line, and away with what stands there.
const ERASE: &str = "\r\x1b[K";

/// The line. It is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Progress<W: Write> {
    output: W,
    pid: u32,
    /// When it was shown, and how many commands had completed.
    shown: (Duration, u64),
}

impl Progress<Stderr> {
    /// Shows the progress of a worker, if somebody looks.
    pub(super) fn for_terminal(pid: u32) -> Option<Self> {
        stderr().is_terminal().then(|| Self::new(stderr(), pid))
    }
}

impl<W: Write> Progress<W> {
    fn new(output: W, pid: u32) -> Self {
        Self { output, pid, shown: (Duration::ZERO, 0) }
    }

    /// Shows what has become of the worker after `elapsed`, if it is time.
    pub(super) fn look(&mut self, elapsed: Duration, completed: u64, time: Option<Duration>) {
        let (shown_at, before) = self.shown;
        let since = elapsed.saturating_sub(shown_at);
        if since < SHOW_EVERY {
            return;
        }
        let iops = completed.saturating_sub(before) as f64 / since.as_secs_f64();
        let of = time.map_or_else(String::new, |time| format!(" of {}", time.as_secs()));
        let (pid, seconds) = (self.pid, elapsed.as_secs());
        // Who has no terminal any more misses nothing.
        let _ = write!(
            self.output,
            "{ERASE}IOWorker {pid}: {seconds}{of} s, {completed} commands, {iops:.0} IOPS"
        );
        let _ = self.output.flush();
        self.shown = (elapsed, completed);
    }
}

impl<W: Write> Drop for Progress<W> {
    fn drop(&mut self) {
        if self.shown.0 != Duration::ZERO {
            let _ = write!(self.output, "{ERASE}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(looks: &[(u64, u64)], time: Option<Duration>) -> String {
        let mut output = vec![];
        let mut progress = Progress::new(&mut output, 42);
        for (millis, completed) in looks {
            progress.look(Duration::from_millis(*millis), *completed, time);
        }
        drop(progress);
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn what_is_over_within_a_second_shows_nothing() {
        assert_eq!(shown(&[(0, 0), (500, 7), (999, 8)], None), "");
    }

    #[test]
    fn the_line_changes_each_second_and_is_gone_in_the_end() {
        let line = shown(&[(10, 1), (1000, 500), (1500, 800), (3000, 1500), (3100, 1600)], None);
        let first = format!("{ERASE}IOWorker 42: 1 s, 500 commands, 500 IOPS");
        let second = format!("{ERASE}IOWorker 42: 3 s, 1500 commands, 500 IOPS");
        assert_eq!(line, format!("{first}{second}{ERASE}"));
        let line = shown(&[(2000, 10)], Some(Duration::from_secs(60)));
        assert!(line.contains("2 of 60 s, 10 commands, 5 IOPS"), "{line}");
    }
}
