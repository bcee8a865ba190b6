//! Lines of a file of results, one at a time.

use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;

use super::error::MergeError;
use crate::results::Line;

/// No line of results is longer; more is no file of results.
const LONGEST: u64 = 64 << 20;

/// How the lines begin of which there are most.
const ATTEMPT: &[u8] = br#"{"kind":"attempt","#;

/// The lines of a file of results.
pub(super) struct Lines<'p> {
    path: &'p Path,
    file: BufReader<File>,
    bytes: Vec<u8>,
    number: usize,
}

impl<'p> Lines<'p> {
    pub(super) fn open(path: &'p Path) -> Result<Self, MergeError> {
        let file = File::open(path).map_err(MergeError::file(path))?;
        Ok(Self {
            path,
            file: BufReader::with_capacity(1 << 16, file),
            bytes: Vec::new(),
            number: 0,
        })
    }

    /// Returns the next line.
    pub(super) fn next(&mut self) -> Result<Option<Line>, MergeError> {
        self.next_but(&[])
    }

    /// Returns the next line that is not that of an attempt, which is not looked at.
    pub(super) fn next_but_attempts(&mut self) -> Result<Option<Line>, MergeError> {
        self.next_but(ATTEMPT)
    }

    fn next_but(&mut self, beginning: &[u8]) -> Result<Option<Line>, MergeError> {
        loop {
            self.bytes.clear();
            let mut line = self.file.by_ref().take(LONGEST);
            let read = line.read_until(b'\n', &mut self.bytes);
            if read.map_err(MergeError::file(self.path))? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let skipped = !beginning.is_empty() && self.bytes.starts_with(beginning);
            if skipped || self.bytes.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match serde_json::from_slice(&self.bytes) {
                Ok(line) => return Ok(Some(line)),
                // It was being written when the run was killed.
                Err(_) if !self.bytes.ends_with(b"\n") && (self.bytes.len() as u64) < LONGEST => {
                    return Ok(None);
                }
                Err(error) => return Err(self.wrong(format!("this is no result: {error}"))),
            }
        }
    }

    /// Says what is wrong with the line that was returned last.
    pub(super) fn wrong(&self, what: String) -> MergeError {
        MergeError::Line { path: self.path.display().to_string(), line: self.number, what }
    }
}
