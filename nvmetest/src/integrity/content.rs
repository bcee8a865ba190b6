//! What a block may hold, as a table knows it.

use std::fmt;

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Content {
    /// Anything: nobody told the table.
    Unknown,
    /// Data with this CRC32.
    Data(u32),
    /// Zeroes, after Write Zeroes (NVM 3.3.8).
    Zeroes,
    /// What a deallocated block reads as (NVM 3.3.3.2.1).
    Deallocated,
    /// Nothing: a read fails, after Write Uncorrectable (NVM 3.3.7).
    Uncorrectable,
    /// Anything: more was written at a time than the table can follow.
    Lost,
    /// Data with this CRC32, or what a deallocated block reads as: deallocation is a hint, and may be taken late.
    DataOrDeallocated(u32),
}

impl Content {
    /// As number and CRC32.
    pub(crate) fn pack(self) -> (u8, u32) {
        match self {
            Self::Unknown => (0, 0),
            Self::Data(crc) => (1, crc),
            Self::Zeroes => (2, 0),
            Self::Deallocated => (3, 0),
            Self::Uncorrectable => (4, 0),
            Self::DataOrDeallocated(crc) => (5, crc),
            Self::Lost => (6, 0),
        }
    }

    /// A number that nobody wrote is that of anything: a table may be damaged.
    pub(crate) fn unpack(kind: u8, crc: u32) -> Self {
        match kind {
            1 => Self::Data(crc),
            2 => Self::Zeroes,
            3 => Self::Deallocated,
            4 => Self::Uncorrectable,
            5 => Self::DataOrDeallocated(crc),
            6 => Self::Lost,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown | Self::Lost => f.write_str("anything"),
            Self::Data(crc) => write!(f, "data with CRC32 {crc:08x}"),
            Self::Zeroes => f.write_str("zeroes"),
            Self::Deallocated => f.write_str("what a deallocated block reads as"),
            Self::Uncorrectable => f.write_str("an Unrecovered Read Error"),
            Self::DataOrDeallocated(crc) => {
                write!(f, "data with CRC32 {crc:08x} or what a deallocated block reads as")
            }
        }
    }
}

/// What the contents that have no CRC32 of their own look like in blocks of one size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fills {
    zeroes: u32,
    ones: u32,
    drb: u8,
}

impl Fills {
    pub(super) fn new(block: usize, drb: u8) -> Self {
        let crc = |byte| {
            let mut hasher = crc32fast::Hasher::new();
            let piece = [byte; 512];
            let mut left = block;
            while 0 < left {
                let len = left.min(piece.len());
                hasher.update(&piece[..len]);
                left -= len;
            }
            hasher.finalize()
        };
        Self { zeroes: crc(0), ones: crc(0xff), drb }
    }

    /// Whether a block with this CRC32 is what `content` says, and that it was read tells nothing new.
    #[inline]
    pub(super) fn admit_at_once(&self, content: Content, crc: u32) -> bool {
        match content {
            Content::Lost => false,
            Content::DataOrDeallocated(own) => own == crc,
            content => self.admit(content, crc),
        }
    }

    /// What is left of `content` for who comes after a read that returned this CRC32.
    pub(super) fn left(&self, content: Content, crc: u32) -> Option<Content> {
        match content {
            // A hint that may be taken later.
            Content::Deallocated => Some(content),
            Content::DataOrDeallocated(own) if own != crc => {
                self.is_deallocated(crc).then_some(Content::Deallocated)
            }
            _ => self.admit(content, crc).then_some(content),
        }
    }

    /// Whether a block with this CRC32 may be one that was deallocated, of those that may be.
    pub(super) fn may_be_hole(&self, content: Content, crc: u32) -> bool {
        matches!(content, Content::Deallocated | Content::DataOrDeallocated(_))
            && self.is_deallocated(crc)
    }

    /// Whether a block with this CRC32 may be what `content` says.
    pub(super) fn admit(&self, content: Content, crc: u32) -> bool {
        match content {
            Content::Unknown | Content::Lost => true,
            Content::Data(own) => own == crc,
            Content::Zeroes => crc == self.zeroes,
            Content::Deallocated => self.is_deallocated(crc),
            Content::Uncorrectable => false,
            Content::DataOrDeallocated(own) => own == crc || self.is_deallocated(crc),
        }
    }

    /// Whether a block that has `content` has this CRC32 whatever the device chooses.
    pub(super) fn is_certain(&self, content: Content, crc: u32) -> bool {
        match content {
            Content::Data(own) => own == crc,
            Content::Zeroes => crc == self.zeroes,
            _ => false,
        }
    }

    fn is_deallocated(&self, crc: u32) -> bool {
        match self.drb {
            1 => crc == self.zeroes,
            2 => crc == self.ones,
            // Not reported: zeroes, ones, or the data of before, which is a content of its own.
            _ => crc == self.zeroes || crc == self.ones,
        }
    }

    /// One content for several, if there is one that says no more and no less.
    pub(super) fn merge(&self, one: Content, other: Content) -> Option<Content> {
        if one == other {
            return Some(one);
        }
        match (one, other) {
            (Content::Lost, _) | (_, Content::Lost) => Some(Content::Lost),
            (Content::Unknown, _) | (_, Content::Unknown) => Some(Content::Unknown),
            (Content::Deallocated, content) | (content, Content::Deallocated) => match content {
                Content::Data(crc) | Content::DataOrDeallocated(crc) => {
                    Some(Content::DataOrDeallocated(crc))
                }
                Content::Zeroes => Some(Content::DataOrDeallocated(self.zeroes)),
                _ => None,
            },
            (Content::Data(crc), Content::DataOrDeallocated(other))
            | (Content::DataOrDeallocated(other), Content::Data(crc))
                if crc == other =>
            {
                Some(Content::DataOrDeallocated(crc))
            }
            _ => None,
        }
    }
}

/// The word of a block in the main part of a table.
///
/// | bits | what |
/// | --- | --- |
/// | 63:32 | the CRC32 |
/// | 31:16 | the generation: of another one, the rest is void |
/// | 6:5 | whether writes are in flight that the table cannot follow |
/// | 4 | whether there is a record |
/// | 3:0 | the kind of content |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) content: Content,
    pub(super) has_record: bool,
    pub(super) tracking: Tracking,
}

/// Whether all writes of a block are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tracking {
    /// They are.
    All,
    /// There was no room for one of them.
    Some,
    /// Somebody writes it who will not say when that is over.
    None,
}

impl Word {
    const UNKNOWN: Self = Self::settled(Content::Unknown);

    /// The word of a block that nobody is writing.
    pub(super) const fn settled(content: Content) -> Self {
        Self { content, has_record: false, tracking: Tracking::All }
    }

    #[inline]
    pub(super) fn from_bits(bits: u64, generation: u16) -> Self {
        if (bits >> 16) as u16 != generation {
            return Self::UNKNOWN;
        }
        Self {
            content: Content::unpack(bits as u8 & 0xf, (bits >> 32) as u32),
            has_record: bits & 0x10 != 0,
            tracking: match bits >> 5 & 3 {
                0 => Tracking::All,
                1 => Tracking::Some,
                _ => Tracking::None,
            },
        }
    }

    /// The bits of a CRC32.
    #[inline]
    pub(super) const fn of_crc(crc: u32) -> u64 {
        (crc as u64) << 32
    }

    #[inline]
    pub(super) fn bits(self, generation: u16) -> u64 {
        let (kind, crc) = self.content.pack();
        Self::of_crc(crc)
            | u64::from(generation) << 16
            | (self.tracking as u64) << 5
            | u64::from(self.has_record) << 4
            | u64::from(kind)
    }
}
