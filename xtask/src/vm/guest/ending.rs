//! How a guest ended.

use std::fmt;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// How many of the last lines of a console are shown.
const LAST_LINES: usize = 8;

/// What the kernel says when it gives up.
const PANIC: &str = "Kernel panic";

/// How a guest ended.
#[derive(Debug)]
pub enum Ending {
    /// Its job did, with this exit code.
    Code(u8),
    /// Otherwise: what happened, and what is left of it.
    Lost(Lost),
}

/// A guest that did not say how its job ended.
#[derive(Debug)]
pub struct Lost {
    pub what: What,
    pub console: PathBuf,
    pub last_lines: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Its job did not begin in time, and it was ended.
    NotUp(Duration),
    /// It said nothing for this long, and was ended.
    Silent(Duration),
    /// It took longer than this, and was ended.
    TooLong(Duration),
    /// Its kernel gave up.
    Panicked,
    /// QEMU ended by itself: its status, and what it complained of.
    Ended(String),
}

impl Ending {
    /// Finds out what happened.
    pub(super) fn find(
        code: Result<u8, What>,
        status: ExitStatus,
        complaints: &str,
        console: &Path,
    ) -> Self {
        let what = match code {
            Ok(code) => return Self::Code(code),
            Err(what) => what,
        };
        let said = fs::read(console).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let what = match what {
            What::Ended(_) if said.contains(PANIC) => What::Panicked,
            What::Ended(_) => What::Ended(format!("{status}; {}", complaints.trim())),
            other => other,
        };
        let clean = |line: &str| line.chars().filter(|c| !c.is_control()).collect::<String>();
        let lines: Vec<_> = said.lines().map(clean).filter(|line| !line.is_empty()).collect();
        let last_lines = lines[lines.len().saturating_sub(LAST_LINES)..].to_vec();
        Self::Lost(Lost { what, console: console.to_owned(), last_lines })
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::NotUp(limit) => {
                write!(f, "the guest was not up after {limit:.0?}, and was ended")?;
            }
            What::Silent(limit) => {
                write!(f, "the guest said nothing for {limit:.0?}, and was ended")?;
            }
            What::TooLong(limit) => {
                write!(f, "the guest has not ended after {limit:.0?}, and was ended")?;
            }
            What::Panicked => f.write_str("the guest's kernel panicked")?,
            What::Ended(why) => write!(f, "QEMU ended before the guest's job had: {why}")?,
        }
        write!(f, "; its console is in {}", self.console.display())?;
        for line in &self.last_lines {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Lost {}
