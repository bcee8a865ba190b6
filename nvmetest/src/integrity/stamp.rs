//! What a block says of itself: whose it is, which version, and whether it is whole.

use std::fmt;

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::little_endian::U32;
use zerocopy::little_endian::U64;

/// Who wrote a block.
///
/// A stamp is the first 48 bytes of a block. With [`write`](Self::write) the rest is the user's, and the stamp has its
/// checksum. [`fill`](Self::fill) makes the rest of it, too: then each 64 bytes say whose they are, so that it can be
/// told which bits of a damaged block are wrong, and from which versions a torn one was put together.
///
/// ```
/// use nvmetest::integrity::Stamp;
///
/// let mut block = [0; 512];
/// let stamp = Stamp { lba: 7, version: 3, writer: 1, seed: 42 };
/// stamp.fill(&mut block);
/// assert_eq!(Stamp::parse(&block), Some(stamp));
/// block[400] ^= 1;
/// assert_eq!(Stamp::parse(&block), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The logical block that it was written to.
    pub lba: u64,
    /// Which of the versions of that block it is; a later one has a greater number.
    pub version: u64,
    /// Who wrote it.
    pub writer: u32,
    /// What the rest of the block was made from.
    pub seed: u64,
}

/// The stamp as it stands in the block.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy)]
#[repr(C)]
struct Head {
    magic: U32,
    /// Whether the rest of the block follows from the stamp.
    filled: U32,
    lba: U64,
    version: U64,
    seed: U64,
    writer: U32,
    /// The CRC32 of the rest of the block.
    rest: U32,
    reserved: U32,
    /// The CRC32 of what is before.
    own: U32,
}

/// The length of a stamp in bytes: no shorter block can have one.
pub const STAMP_BYTES: usize = size_of::<Head>();

/// In a block that was filled, so many bytes say whose they are.
pub(super) const CELL: usize = 64;

const MAGIC: u32 = u32::from_le_bytes(*b"nvSt");

const _: () = assert!(STAMP_BYTES == 48 && STAMP_BYTES <= CELL);

/// A stamp that is whole, and what stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) stamp: Stamp,
    pub(super) is_filled: bool,
    /// Whether the rest of the block is as it was stamped.
    pub(super) is_whole: bool,
}

impl Stamp {
    /// Writes the stamp over the first 48 bytes of a block; the rest of the block stays and gets its checksum.
    ///
    /// # Panics
    ///
    /// Panics if the block has less than 48 bytes.
    pub fn write(&self, block: &mut [u8]) {
        self.put(block, false);
    }

    /// Writes the stamp, and makes the rest of the block from it.
    ///
    /// # Panics
    ///
    /// Panics if the block has less than 48 bytes.
    pub fn fill(&self, block: &mut [u8]) {
        for (number, cell) in block.chunks_mut(CELL).enumerate() {
            self.fill_cell(number, cell);
        }
        self.put(block, true);
    }

    /// Reads the stamp of a block that is as it was written.
    ///
    /// Returns none if there is no stamp, or if any bit of the block is wrong.
    pub fn parse(block: &[u8]) -> Option<Self> {
        Self::parse_head(block).filter(|parsed| parsed.is_whole).map(|parsed| parsed.stamp)
    }

    /// Reads the stamp of a block whose rest may be damaged.
    pub(super) fn parse_head(block: &[u8]) -> Option<Parsed> {
        let (head, rest) = Head::read_from_prefix(block).ok()?;
        let bytes = head.as_bytes();
        let own = crc32fast::hash(&bytes[..STAMP_BYTES - 4]);
        (head.magic.get() == MAGIC && head.own.get() == own).then(|| Parsed {
            stamp: head.stamp(),
            is_filled: head.filled.get() != 0,
            is_whole: head.rest.get() == crc32fast::hash(rest),
        })
    }

    /// Reads what stands where a stamp would be, whole or not.
    pub(super) fn guess(block: &[u8]) -> Option<Self> {
        Head::read_from_prefix(block).ok().map(|(head, _)| head.stamp())
    }

    /// Whose cell `number` of a block is, if it was filled from `seed`.
    pub(super) fn of_cell(number: usize, cell: &[u8], seed: u64, writer: u32) -> Option<Self> {
        let word = |at: usize| {
            let bytes = cell.get(at..at + 8)?;
            bytes.try_into().ok().map(u64::from_le_bytes)
        };
        let stamp = Self { lba: word(0)?, version: word(8)?, writer, seed };
        let mut made = [0; CELL];
        let made = made.get_mut(..cell.len())?;
        stamp.fill_cell(number, made);
        (made == cell).then_some(stamp)
    }

    fn put(&self, block: &mut [u8], filled: bool) {
        let (len, rest) = (block.len(), block.get(STAMP_BYTES..));
        let rest = rest.unwrap_or_else(|| panic!("a block of {len} bytes has no room for a stamp"));
        let mut head = Head {
            magic: U32::new(MAGIC),
            filled: U32::new(filled.into()),
            lba: U64::new(self.lba),
            version: U64::new(self.version),
            seed: U64::new(self.seed),
            writer: U32::new(self.writer),
            rest: U32::new(crc32fast::hash(rest)),
            reserved: U32::new(0),
            own: U32::new(0),
        };
        head.own = U32::new(crc32fast::hash(&head.as_bytes()[..STAMP_BYTES - 4]));
        block[..STAMP_BYTES].copy_from_slice(head.as_bytes());
    }

    /// A cell says whose it is in its first 16 bytes, and the others follow from that.
    fn fill_cell(&self, number: usize, cell: &mut [u8]) {
        let mut state = mix(self.seed ^ mix(self.lba ^ mix(self.version ^ mix(number as u64))));
        for (at, word) in cell.chunks_mut(8).enumerate() {
            let value = match at {
                0 => self.lba,
                1 => self.version,
                _ => {
                    state = mix(state);
                    state
                }
            };
            word.copy_from_slice(&value.to_le_bytes()[..word.len()]);
        }
    }
}

impl Head {
    fn stamp(&self) -> Stamp {
        Stamp {
            lba: self.lba.get(),
            version: self.version.get(),
            writer: self.writer.get(),
            seed: self.seed.get(),
        }
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lba, version, writer, seed } = self;
        write!(f, "LBA {lba:#x}, version {version}, writer {writer}, seed {seed:#x}")
    }
}

/// A bijection of 64 bits whose results look random.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let value = (value ^ value >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    value ^ value >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { lba: 0x1234, version: 7, writer: 3, seed: 99 };

    #[test]
    fn what_is_behind_a_stamp_stays_the_users() {
        let mut block = [0x5a; 512];
        STAMP.write(&mut block);
        assert!(block[STAMP_BYTES..].iter().all(|&byte| byte == 0x5a));
        assert_eq!(Stamp::parse(&block), Some(STAMP));
    }

    #[test]
    fn every_wrong_bit_of_a_block_is_noticed() {
        for fill in [false, true] {
            let mut block = [0x5a; 128];
            if fill {
                STAMP.fill(&mut block)
            } else {
                STAMP.write(&mut block)
            }
            for bit in 0..block.len() * 8 {
                block[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Stamp::parse(&block), None, "bit {bit}");
                block[bit / 8] ^= 1 << (bit % 8);
            }
            assert_eq!(Stamp::parse(&block), Some(STAMP));
        }
    }

    #[test]
    fn each_cell_of_a_filled_block_says_whose_it_is() {
        let mut block = [0; 512];
        STAMP.fill(&mut block);
        for (number, cell) in block.chunks(CELL).enumerate().skip(1) {
            assert_eq!(Stamp::of_cell(number, cell, STAMP.seed, STAMP.writer), Some(STAMP));
            assert_eq!(Stamp::of_cell(number + 1, cell, STAMP.seed, STAMP.writer), None);
        }
    }

    #[test]
    fn noise_has_no_stamp() {
        assert_eq!(Stamp::parse(&[0xa5; 512]), None);
        assert_eq!(Stamp::parse(&[0; 4096]), None);
        assert_eq!(Stamp::parse(&[]), None);
    }
}
