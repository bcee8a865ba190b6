//! What is wrong after a power loss.

use std::fmt;

/// What a check after a power loss has found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PowerLossReport {
    /// How many blocks were read and compared.
    pub checked: u64,
    /// How many of these may hold anything, so that nothing is said of them: they were written with data that nobody
    /// knows (Copy, an entry by hand, an opcode that the driver does not know), or too often without a Flush.
    pub unjudged: u64,
    /// How many blocks hold something else than what the command submitted last would have left there.
    pub went_back: u64,
    /// Every block that breaks the rule, by LBA.
    pub violations: Vec<Violation>,
}

/// A block that breaks the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The logical block.
    pub lba: u64,
    /// What is wrong with it.
    pub verdict: Verdict,
    /// What was read, and what would have been allowed.
    pub evidence: String,
}

/// What is wrong with a block.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// A durable write is lost: the block went back to an older version.
    LostDurable {
        /// How many contents the block has gone back.
        versions: usize,
    },
    /// A write that was in flight, and no larger than AWUPF, is there in part.
    Torn {
        /// The first block of the write.
        slba: u64,
        /// The number of its blocks.
        blocks: u64,
        /// A block of it that is new; this one is old.
        new: u64,
    },
    /// The block has a content of another block.
    Misdirected {
        /// Whose content it is.
        of: u64,
    },
    /// The block reads as zeroes, which nobody wrote.
    Zeroed,
    /// Nobody wrote this.
    Foreign,
    /// The block cannot be read.
    Unreadable,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LostDurable { versions: 1 } => {
                f.write_str("a durable write is lost: it holds the version before")
            }
            Self::LostDurable { versions } => {
                write!(f, "a durable write is lost: it went back {versions} versions")
            }
            Self::Torn { slba, blocks, new } => write!(
                f,
                "a write of {blocks} blocks from LBA {slba} on is torn within AWUPF: LBA {new} is new and this is old"
            ),
            Self::Misdirected { of } => write!(f, "it holds what was written to LBA {of}"),
            Self::Zeroed => f.write_str("it reads as zeroes, which nobody wrote"),
            Self::Foreign => f.write_str("it holds what nobody wrote there"),
            Self::Unreadable => f.write_str("it cannot be read"),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LBA {}: {} ({})", self.lba, self.verdict, self.evidence)
    }
}

impl fmt::Display for PowerLossReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 16;
        let Self { checked, unjudged, went_back, violations } = self;
        write!(
            f,
            "of {checked} blocks {} break the rule for a power loss, and {went_back} do not hold what was submitted last",
            violations.len()
        )?;
        if *unjudged != 0 {
            write!(f, "; {unjudged} were not judged, since they may hold anything")?;
        }
        for violation in violations.iter().take(SHOWN) {
            write!(f, "\n  {violation}")?;
        }
        match violations.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}
