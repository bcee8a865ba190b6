//! What is wrong with a block that has what it cannot have.

use std::fmt;
use std::ops::Range;

use super::content::Content;
use super::stamp::CELL;
use super::stamp::Parsed;
use super::stamp::Stamp;

/// A block was read, and has what it cannot have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Miscompare {
    /// The logical block.
    pub lba: u64,
    /// What is wrong.
    pub verdict: Verdict,
    /// The CRC32 of what was read.
    pub crc: u32,
    /// The stamp of what was read, if it has one.
    pub found: Option<Stamp>,
    /// The stamp of what should have been read, if it could be found out.
    pub wanted: Option<Stamp>,
    /// All that the table knows of the block.
    pub candidates: Vec<Candidate>,
    /// The command that read it, if somebody told.
    pub read_by: Option<String>,
    /// The commands that wrote it last, the latest first, as far as the command log has them.
    pub written_by: Vec<String>,
}

/// What a block has, had, or may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// What it is.
    pub content: Content,
    /// When it was.
    pub time: Time,
}

/// When a content was written, as the read sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Time {
    /// Before the read began, and nothing that was complete by then came after it.
    Settled,
    /// While the read was in flight, or it still is.
    InFlight,
    /// It failed, or its writer was killed: it may not have been executed.
    Maybe,
    /// Something else was written afterwards, and complete before the read began.
    Past,
}

/// What is wrong with a block.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// An older version of the same block.
    Stale,
    /// The block of another LBA, as its stamp says.
    Misdirected {
        /// Whose block it is.
        of: u64,
    },
    /// Parts of several versions, or of several blocks.
    Torn {
        /// The parts, in their order: the bytes, and whose they are if that is known.
        parts: Vec<(Range<usize>, Option<Stamp>)>,
    },
    /// Some bits are wrong.
    BitError {
        /// Which: byte, and the bits of it that are wrong.
        bits: Vec<(usize, u8)>,
    },
    /// Nobody wrote this.
    NeverWritten,
    /// Zeroes, where there should be something else.
    Zeroed,
    /// Data, where the read should have failed (Write Uncorrectable, NVM 3.3.7).
    Correctable,
    /// What a Compare compared it with, and the Compare failed with Compare Failure (NVM 3.3.1). With several blocks, any
    /// of them is what the device has wrong; the first is named.
    Equal,
}

/// With more bits wrong than this a block is no longer the one that it looks like.
const MOST_BITS: u32 = 64;

/// So many versions are tried to find the one that has an expected CRC32.
const MOST_VERSIONS: u64 = 1024;

impl Miscompare {
    pub(super) fn new(lba: u64, block: &[u8], crc: u32, candidates: Vec<Candidate>) -> Self {
        let found = Stamp::parse_head(block).map(|parsed| parsed.stamp);
        let verdict = diagnose(lba, block, crc, &candidates);
        let wanted = wanted(lba, block, &candidates);
        let (read_by, written_by) = (None, Vec::new());
        Self { lba, verdict, crc, found, wanted, candidates, read_by, written_by }
    }
}

/// What a block should hold one of.
fn wanted_crcs(candidates: &[Candidate]) -> impl Iterator<Item = u32> {
    candidates.iter().filter(|it| it.time != Time::Past).filter_map(|it| match it.content {
        Content::Data(crc) | Content::DataOrDeallocated(crc) => Some(crc),
        _ => None,
    })
}

fn diagnose(lba: u64, block: &[u8], crc: u32, candidates: &[Candidate]) -> Verdict {
    if block.iter().all(|&byte| byte == 0) {
        return Verdict::Zeroed;
    }
    let current = || candidates.iter().filter(|it| it.time != Time::Past);
    if current().all(|it| it.content == Content::Uncorrectable) && current().next().is_some() {
        return Verdict::Correctable;
    }
    let is_past = |it: &Candidate| {
        it.time == Time::Past && matches!(it.content, Content::Data(past) if past == crc)
    };
    match Stamp::parse_head(block) {
        Some(Parsed { stamp, is_whole: true, .. }) if stamp.lba != lba => {
            return Verdict::Misdirected { of: stamp.lba };
        }
        Some(Parsed { is_whole: true, .. }) => return Verdict::Stale,
        _ if candidates.iter().any(is_past) => return Verdict::Stale,
        _ => {}
    }
    if let Some(verdict) = by_cells(lba, block) {
        return verdict;
    }
    if let Some(bit) =
        wanted_crcs(candidates).find_map(|wanted| wrong_bit(block.len(), crc ^ wanted))
    {
        return Verdict::BitError { bits: vec![bit] };
    }
    match Stamp::parse_head(block) {
        // The stamp is one that was written, and what follows it is not.
        Some(Parsed { stamp, is_filled: false, .. }) => Verdict::Torn {
            parts: vec![
                (0..super::stamp::STAMP_BYTES, Some(stamp)),
                (super::stamp::STAMP_BYTES..block.len(), None),
            ],
        },
        _ => Verdict::NeverWritten,
    }
}

/// Looks at a block that was filled from a stamp, or from several.
fn by_cells(lba: u64, block: &[u8]) -> Option<Verdict> {
    let head = Stamp::parse_head(block).filter(|parsed| parsed.is_filled);
    let Stamp { seed, writer, .. } = Stamp::guess(block)?;
    let owner = |number: usize, cell: &[u8]| {
        if number == 0 {
            return head.map(|parsed| parsed.stamp);
        }
        Stamp::of_cell(number, cell, seed, writer)
    };
    let owners: Vec<Option<Stamp>> =
        block.chunks(CELL).enumerate().map(|(number, cell)| owner(number, cell)).collect();
    let known: Vec<Stamp> = owners.iter().copied().flatten().collect();
    let first = *known.first()?;
    if known.iter().all(|stamp| same(stamp, &first)) {
        if first.lba != lba {
            return Some(Verdict::Misdirected { of: first.lba });
        }
        let mut made = vec![0; block.len()];
        first.fill(&mut made);
        let bits: Vec<(usize, u8)> = (0..)
            .zip(block.iter().zip(&made).map(|(found, made)| found ^ made))
            .filter(|(_, wrong)| *wrong != 0)
            .collect();
        let count: u32 = bits.iter().map(|(_, wrong)| wrong.count_ones()).sum();
        if (1..=MOST_BITS).contains(&count) {
            return Some(Verdict::BitError { bits });
        }
    }
    let mut parts: Vec<(Range<usize>, Option<Stamp>)> = Vec::new();
    for (number, owner) in owners.iter().enumerate() {
        let range = number * CELL..((number + 1) * CELL).min(block.len());
        match parts.last_mut() {
            Some((last, of)) if is_same_part(of, owner) => last.end = range.end,
            _ => parts.push((range, *owner)),
        }
    }
    (1 < parts.len()).then_some(Verdict::Torn { parts })
}

fn same(one: &Stamp, other: &Stamp) -> bool {
    (one.lba, one.version) == (other.lba, other.version)
}

fn is_same_part(one: &Option<Stamp>, other: &Option<Stamp>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// Finds the one bit that, if it is wrong, makes this difference of the CRC32.
///
/// A CRC is linear: what a wrong bit adds depends on how many bits follow it only.
fn wrong_bit(len: usize, difference: u32) -> Option<(usize, u8)> {
    let step = |mut state: u32| {
        for _ in 0..8 {
            state = state >> 1 ^ if state & 1 != 0 { 0xedb8_8320 } else { 0 };
        }
        state
    };
    let mut added: [u32; 8] = std::array::from_fn(|bit| step(1 << bit));
    for byte in (0..len).rev() {
        if let Some(bit) = added.iter().position(|&added| added == difference) {
            return Some((byte, 1 << bit));
        }
        added = added.map(step);
    }
    None
}

/// Finds the stamp that the block should have, if it was filled from one much like that which it has.
fn wanted(lba: u64, block: &[u8], candidates: &[Candidate]) -> Option<Stamp> {
    let found = Stamp::parse_head(block).filter(|parsed| parsed.is_filled)?.stamp;
    let crcs: Vec<u32> = wanted_crcs(candidates).collect();
    let mut made = vec![0; block.len()];
    let versions = (0..MOST_VERSIONS).flat_map(|off| {
        [found.version.checked_add(off), found.version.checked_sub(off)].into_iter().flatten()
    });
    versions.map(|version| Stamp { lba, version, ..found }).find(|stamp| {
        !crcs.is_empty() && {
            stamp.fill(&mut made);
            crcs.contains(&crc32fast::hash(&made))
        }
    })
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 8;
        match self {
            Self::Stale => f.write_str("stale: it has an older version of the block"),
            Self::Misdirected { of } => {
                write!(f, "misdirected: it has the block of LBA {of:#x}")
            }
            Self::Torn { parts } => {
                f.write_str("torn: it was put together from")?;
                for (range, stamp) in parts.iter().take(MOST) {
                    match stamp {
                        Some(Stamp { lba, version, .. }) => {
                            write!(f, " [bytes {range:?}: LBA {lba:#x}, version {version}]")?;
                        }
                        None => write!(f, " [bytes {range:?}: nobody knows what]")?,
                    }
                }
                if MOST < parts.len() {
                    write!(f, " and {} more parts", parts.len() - MOST)?;
                }
                Ok(())
            }
            Self::BitError { bits } => {
                f.write_str("bit error: wrong are")?;
                for (byte, wrong) in bits.iter().take(MOST) {
                    write!(f, " [byte {byte}: bits {wrong:#04x}]")?;
                }
                if MOST < bits.len() {
                    write!(f, " and bits of {} more bytes", bits.len() - MOST)?;
                }
                Ok(())
            }
            Self::NeverWritten => f.write_str("never written: nobody wrote what it has"),
            Self::Zeroed => f.write_str("zeroed: it has zeroes"),
            Self::Correctable => {
                f.write_str("correctable: it was written as uncorrectable, and the read succeeded")
            }
            Self::Equal => {
                f.write_str("equal: it has what it was compared with, and the comparison failed")
            }
        }
    }
}

impl fmt::Display for Miscompare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lba, verdict, crc, .. } = self;
        write!(f, "LBA {lba:#x} is {verdict}; what was read has CRC32 {crc:08x}")?;
        match &self.found {
            Some(stamp) => write!(f, " and the stamp of {stamp}")?,
            None => f.write_str(" and no stamp")?,
        }
        f.write_str("; it may have")?;
        let mut separator = "";
        for candidate in self.candidates.iter().filter(|it| it.time != Time::Past) {
            let when = match candidate.time {
                Time::InFlight => " (written meanwhile)",
                Time::Maybe => " (perhaps written)",
                _ => "",
            };
            write!(f, "{separator} {}{when}", candidate.content)?;
            separator = " or";
        }
        if let Some(stamp) = &self.wanted {
            write!(f, ", with the stamp of {stamp}")?;
        }
        if let Some(command) = &self.read_by {
            write!(f, "; read by {command}")?;
        }
        for (number, command) in self.written_by.iter().enumerate() {
            let what = if number == 0 { "; written last by" } else { ", before by" };
            write!(f, "{what} {command}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { lba: 5, version: 40, writer: 1, seed: 77 };

    fn filled(stamp: Stamp) -> Vec<u8> {
        let mut block = vec![0; 512];
        stamp.fill(&mut block);
        block
    }

    /// What is said of `block`, where the content of `STAMP` is expected.
    fn found(block: &[u8]) -> Miscompare {
        let content = Content::Data(crc32fast::hash(&filled(STAMP)));
        let candidates = vec![Candidate { content, time: Time::Settled }];
        Miscompare::new(5, block, crc32fast::hash(block), candidates)
    }

    #[test]
    fn an_older_version_is_stale_and_both_stamps_are_named() {
        let old = Stamp { version: 33, ..STAMP };
        let miscompare = found(&filled(old));
        assert_eq!(miscompare.verdict, Verdict::Stale);
        assert_eq!((miscompare.found, miscompare.wanted), (Some(old), Some(STAMP)));
        let text = miscompare.to_string();
        assert!(text.contains("version 33") && text.contains("version 40"), "{text}");
    }

    #[test]
    fn the_block_of_another_lba_is_misdirected() {
        let block = filled(Stamp { lba: 9, ..STAMP });
        assert_eq!(found(&block).verdict, Verdict::Misdirected { of: 9 });
    }

    #[test]
    fn a_torn_block_is_taken_apart() {
        let old = Stamp { version: 39, ..STAMP };
        for (first, second) in [(old, STAMP), (STAMP, old)] {
            let mut block = filled(first);
            block[192..].copy_from_slice(&filled(second)[192..]);
            let parts = vec![(0..192, Some(first)), (192..512, Some(second))];
            assert_eq!(found(&block).verdict, Verdict::Torn { parts });
        }
        // The head is damaged where it is torn within it.
        let mut block = filled(old);
        block[24..].copy_from_slice(&filled(STAMP)[24..]);
        assert!(matches!(found(&block).verdict, Verdict::Torn { .. } | Verdict::BitError { .. }));
    }

    #[test]
    fn wrong_bits_are_named() {
        for bits in [vec![(300, 0x10)], vec![(70, 1), (511, 0x80)], vec![(3, 4)]] {
            let mut block = filled(STAMP);
            bits.iter().for_each(|&(byte, wrong)| block[byte] ^= wrong);
            assert_eq!(found(&block).verdict, Verdict::BitError { bits });
        }
    }

    #[test]
    fn one_wrong_bit_is_named_also_without_a_stamp() {
        let block: Vec<u8> = (0..4096_u32).map(|at| (at * 7 % 251) as u8).collect();
        let content = Content::Data(crc32fast::hash(&block));
        for (byte, wrong) in [(0, 1), (2000, 0x80), (4095, 8)] {
            let mut damaged = block.clone();
            damaged[byte] ^= wrong;
            let candidates = vec![Candidate { content, time: Time::Settled }];
            let miscompare = Miscompare::new(0, &damaged, crc32fast::hash(&damaged), candidates);
            assert_eq!(miscompare.verdict, Verdict::BitError { bits: vec![(byte, wrong)] });
        }
    }

    #[test]
    fn zeroes_noise_and_data_that_should_be_lost_have_their_verdicts() {
        assert_eq!(found(&[0; 512]).verdict, Verdict::Zeroed);
        assert_eq!(found(&[0xa5; 512]).verdict, Verdict::NeverWritten);
        let lost = vec![Candidate { content: Content::Uncorrectable, time: Time::Settled }];
        let block = filled(STAMP);
        let miscompare = Miscompare::new(5, &block, crc32fast::hash(&block), lost);
        assert_eq!(miscompare.verdict, Verdict::Correctable);
    }

    #[test]
    fn data_of_before_is_stale_also_without_a_stamp() {
        let block = [0xa5; 512];
        let crc = crc32fast::hash(&block);
        let candidates = vec![
            Candidate { content: Content::Data(crc), time: Time::Past },
            Candidate { content: Content::Data(1), time: Time::Settled },
        ];
        assert_eq!(Miscompare::new(5, &block, crc, candidates).verdict, Verdict::Stale);
    }
}
