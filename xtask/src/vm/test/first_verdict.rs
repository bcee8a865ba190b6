//! How long it takes until a run has its first verdict.

use std::time::Duration;
use std::time::Instant;

/// A line that is longer has no verdict.
const LONGEST: usize = 4096;

/// Looks for the first verdict in what a runner says.
pub struct FirstVerdict {
    start: Instant,
    /// What was said of a line so far.
    line: Vec<u8>,
    after: Option<Duration>,
}

impl FirstVerdict {
    pub fn since(start: Instant) -> Self {
        Self { start, line: Vec::new(), after: None }
    }

    /// Looks at what was said, in pieces of any length.
    pub fn see(&mut self, said: &[u8]) {
        for byte in said {
            if self.after.is_some() {
                return;
            }
            if *byte == b'\n' {
                self.after = is_verdict(&self.line).then(|| self.start.elapsed());
                self.line.clear();
            } else if self.line.len() < LONGEST {
                self.line.push(*byte);
            }
        }
    }

    /// How long it took, if there was one.
    pub fn after(&self) -> Option<Duration> {
        self.after
    }
}

/// Whether a line is such as `test reset::it_works ... ok`.
fn is_verdict(line: &[u8]) -> bool {
    line.starts_with(b"test ") && line.windows(5).any(|it| it == b" ... ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pieces: &[&str]) -> bool {
        let mut first = FirstVerdict::since(Instant::now());
        for piece in pieces {
            first.see(piece.as_bytes());
        }
        first.after().is_some()
    }

    #[test]
    fn a_verdict_is_found_however_it_is_cut() {
        let line = "test reset::it_works   ... ok\n";
        for cut in 0..line.len() {
            assert!(!found(&["running 2 tests\n", &line[..cut]]), "cut at {cut}");
            assert!(found(&["running 2 tests\n", &line[..cut], &line[cut..]]), "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_verdict_is_not_taken_for_one() {
        assert!(!found(&["test result: ok. 0 passed\n", "it says test a ... ok\n"]));
    }
}
