//! One command in a ring: 128 bytes, and how a half-written one is told from a whole one.
//!
//! The first word is the stamp: the number of the entry in its ring and how far it has come.
//! It is a sequence lock. A writer stores `WRITING`, then the words, then the new state with release
//! order; a reader takes the stamp before and after the words and keeps nothing if they differ.
//! The number makes sure that an entry that was overwritten in between differs too.
//! How a command ended stands in words that no reader looks at before the stamp says so: they are written once, and
//! the new state behind them, with release order.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;
use std::sync::atomic::fence;

use super::layout::ENTRY;
use crate::spec::Cqe;
use crate::spec::Sqe;

/// The words of an entry.
const STAMP: usize = 0;
const SUBMITTED_NS: usize = 1;
const COMPLETED_NS: usize = 2;
const ABANDONED_NS: usize = 3;
const ORIGIN: usize = 4;
const QUEUES: usize = 5;
const CQE: usize = 6;
const SQE: usize = 8;

const _: () = assert!((SQE + size_of::<Sqe>() / 8) * 8 == ENTRY);

/// The SQE is being written: there is nothing to read.
const WRITING: u64 = 1;
/// The SQE is whole, the command is with the controller.
const IN_FLIGHT: u64 = 2;
/// The SQE is whole, the host gave the command up.
const ABANDONED: u64 = 3;
// 4 was a state in which how the command ended was being written; a log may have it, of a command in flight.
/// All is whole.
const COMPLETED: u64 = 5;
/// All is whole: the completion came after the host had given the command up.
const COMPLETED_LATE: u64 = 6;

const STATE_BITS: u32 = 4;

/// Where a command came from, and which queues it used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) process: u32,
    /// Index into the table of sites, plus 1; 0 is a site that is not known.
    pub(super) site: u32,
    pub(super) sqid: u16,
    pub(super) cqid: u16,
}

impl Origin {
    #[inline(always)]
    pub(super) fn with_site(self, site: u32) -> Self {
        Self { site, ..self }
    }
}

/// What a reader finds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) origin: Origin,
    pub(super) sqe: Sqe,
    pub(super) submitted_ns: u64,
    pub(super) abandoned_ns: Option<u64>,
    pub(super) completed: Option<(u64, Cqe)>,
}

/// The place of an entry in the mapping.
#[derive(Clone, Copy)]
pub(super) struct Slot<'a>(pub(super) &'a [AtomicU64; ENTRY / 8]);

/// What became of the command that a new one overwrites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overwritten {
    /// It had ended or was given up, or there was none.
    Done,
    InFlight,
}

impl<'a> Slot<'a> {
    /// Writes the first half of entry number `sequence`.
    #[inline(always)]
    pub(super) fn submit(
        self,
        sequence: u64,
        origin: Origin,
        sqe: &Sqe,
        at_ns: u64,
    ) -> Overwritten {
        let state = self.0[STAMP].load(Relaxed) & state_mask();
        self.0[STAMP].store(stamp(sequence, WRITING), Relaxed);
        fence(Release);
        self.0[SUBMITTED_NS].store(at_ns, Relaxed);
        let Origin { process, site, sqid, cqid } = origin;
        self.0[ORIGIN].store(u64::from(process) | u64::from(site) << 32, Relaxed);
        self.0[QUEUES].store(u64::from(sqid) | u64::from(cqid) << 16, Relaxed);
        let words: [u64; 8] = zerocopy::transmute!(*sqe);
        for (word, value) in self.0[SQE..].iter().zip(words) {
            word.store(value, Relaxed);
        }
        self.0[STAMP].store(stamp(sequence, IN_FLIGHT), Release);
        match state {
            IN_FLIGHT => Overwritten::InFlight,
            _ => Overwritten::Done,
        }
    }

    /// Writes the second half of entry number `sequence`; `false` if that entry awaits none.
    #[inline(always)]
    pub(super) fn complete(self, sequence: u64, cqe: &Cqe, at_ns: u64) -> bool {
        let before = self.0[STAMP].load(Relaxed);
        let after = match before {
            _ if before == stamp(sequence, IN_FLIGHT) => COMPLETED,
            _ if before == stamp(sequence, ABANDONED) => COMPLETED_LATE,
            _ => return false,
        };
        // Nobody reads these words while the stamp is what it was: they count from the next one on, which comes behind them.
        self.0[COMPLETED_NS].store(at_ns, Relaxed);
        let words: [u64; 2] = zerocopy::transmute!(*cqe);
        self.0[CQE].store(words[0], Relaxed);
        self.0[CQE + 1].store(words[1], Relaxed);
        self.0[STAMP].store(stamp(sequence, after), Release);
        true
    }

    /// Notes that the host gave entry number `sequence` up; `false` if it was not in flight.
    pub(super) fn abandon(self, sequence: u64, at_ns: u64) -> bool {
        if self.0[STAMP].load(Relaxed) != stamp(sequence, IN_FLIGHT) {
            return false;
        }
        // As above.
        self.0[ABANDONED_NS].store(at_ns, Relaxed);
        self.0[STAMP].store(stamp(sequence, ABANDONED), Release);
        true
    }

    /// Returns entry number `sequence` if that is what the slot holds, whole.
    pub(super) fn read(self, sequence: u64) -> Option<Entry> {
        // Of the states of one entry there are few, so a live writer makes this repeat seldom.
        // One that died in the middle of an ending left a command in flight.
        (0..4).find_map(|_| self.try_read(sequence).ok()).flatten()
    }

    /// Fails if the entry changed while it was read.
    fn try_read(self, sequence: u64) -> Result<Option<Entry>, Torn> {
        let before = self.0[STAMP].load(Acquire);
        let state = before & state_mask();
        if before != stamp(sequence, state) || !(IN_FLIGHT..=COMPLETED_LATE).contains(&state) {
            return Ok(None);
        }
        let word = |index: usize| self.0[index].load(Relaxed);
        let words: [u64; 8] = std::array::from_fn(|index| word(SQE + index));
        let completion: [u64; 2] = [word(CQE), word(CQE + 1)];
        let completed = (word(COMPLETED_NS), zerocopy::transmute!(completion));
        let abandoned_ns = word(ABANDONED_NS);
        let (origin, queues) = (word(ORIGIN), word(QUEUES));
        let entry = Entry {
            origin: Origin {
                process: origin as u32,
                site: (origin >> 32) as u32,
                sqid: queues as u16,
                cqid: (queues >> 16) as u16,
            },
            sqe: zerocopy::transmute!(words),
            submitted_ns: word(SUBMITTED_NS),
            abandoned_ns: matches!(state, ABANDONED | COMPLETED_LATE).then_some(abandoned_ns),
            completed: matches!(state, COMPLETED | COMPLETED_LATE).then_some(completed),
        };
        fence(Acquire);
        match self.0[STAMP].load(Relaxed) == before {
            true => Ok(Some(entry)),
            false => Err(Torn),
        }
    }
}

struct Torn;

const fn stamp(sequence: u64, state: u64) -> u64 {
    sequence << STATE_BITS | state
}

const fn state_mask() -> u64 {
    (1 << STATE_BITS) - 1
}
