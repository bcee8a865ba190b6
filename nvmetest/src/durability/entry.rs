//! The entries of a journal.
//!
//! | word | what |
//! | --- | --- |
//! | 0 | its number, which no other entry has |
//! | 1 | how many words it has (bits 63:32), a flag (15:8), the kind (7:0) |
//! | 2 and following | by kind |

use std::ops::Range;

use crate::integrity::Content;
use crate::integrity::Outcome;

/// The words that each entry begins with.
pub(super) const HEAD: usize = 2;

/// What there are entries for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Behind the head: the first block, and what each block gets; the flag is FUA.
    Writes = 1,
    /// Behind the head: the first block, the one behind the last, and what all get; the flag is FUA.
    Fills,
    /// Nothing behind the head.
    Flushes,
    /// Behind the head: the number of the entry of the command that ended; the flag is how.
    Ended,
    /// The flag is whether the volatile write cache is enabled.
    Cache,
}

/// What somebody did, and when.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) lane: usize,
    pub(super) deed: Deed,
}

/// What somebody did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Writes {
        slba: u64,
        contents: Vec<Content>,
        fua: bool,
    },
    Fills {
        range: Range<u64>,
        content: Content,
        fua: bool,
    },
    Flushes,
    Ended {
        number: u64,
        outcome: Outcome,
    },
    Cache(bool),
    /// The queue of a lane's writer is gone, and the writer with it: there is no such entry.
    Gone,
}

impl Entry {
    pub(super) fn head(kind: Kind, flag: u64, len: u64) -> u64 {
        len << 32 | flag << 8 | kind as u64
    }

    /// Reads an entry of which no more than so many words are there. Returns how many it has, too.
    pub(super) fn decode(lane: usize, most: u64, read: impl Fn(u64) -> u64) -> Option<(Self, u64)> {
        if most < HEAD as u64 {
            return None;
        }
        let (number, head) = (read(0), read(1));
        let (len, flag, kind) = (head >> 32, head >> 8 & 0xff, head as u8);
        if !(HEAD as u64..=most).contains(&len) {
            return None;
        }
        let behind = len - HEAD as u64;
        let word = |at: u64| read(HEAD as u64 + at);
        let is_set = flag != 0;
        let deed = match kind {
            kind if kind == Kind::Writes as u8 && 1 <= behind => {
                let contents = (1..behind).map(|at| Deed::content_of(word(at))).collect();
                Deed::Writes { slba: word(0), contents, fua: is_set }
            }
            kind if kind == Kind::Fills as u8 && behind == 3 => Deed::Fills {
                range: word(0)..word(1),
                content: Deed::content_of(word(2)),
                fua: is_set,
            },
            kind if kind == Kind::Flushes as u8 && behind == 0 => Deed::Flushes,
            kind if kind == Kind::Ended as u8 && behind == 1 => {
                Deed::Ended { number: word(0), outcome: Deed::outcome_of(flag)? }
            }
            kind if kind == Kind::Cache as u8 && behind == 0 => Deed::Cache(is_set),
            _ => return None,
        };
        Some((Self { number, lane, deed }, len))
    }
}

impl Deed {
    #[inline]
    pub(super) fn word_of(content: Content) -> u64 {
        let (kind, crc) = content.pack();
        u64::from(kind) << 32 | u64::from(crc)
    }

    fn content_of(word: u64) -> Content {
        Content::unpack((word >> 32) as u8, word as u32)
    }

    pub(super) fn flag_of(outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Done => 0,
            Outcome::Maybe => 1,
            Outcome::NotSent => 2,
        }
    }

    fn outcome_of(flag: u64) -> Option<Outcome> {
        [Outcome::Done, Outcome::Maybe, Outcome::NotSent].get(flag as usize).copied()
    }
}
