//! Dataset Management ranges (NVM 3.3.3).

/// A range of logical blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DsmRange {
    /// Context Attributes: hints on how the range is used.
    pub attributes: u32,
    /// The number of blocks.
    pub blocks: u32,
    /// The first block.
    pub slba: u64,
}

impl DsmRange {
    /// A range without hints.
    pub const fn new(slba: u64, blocks: u32) -> Self {
        Self { attributes: 0, blocks, slba }
    }

    /// Writes `ranges` to the start of `bytes`, 16 bytes each.
    ///
    /// # Panics
    ///
    /// Panics if they do not fit.
    ///
    /// ```
    /// use nvmetest::DsmRange;
    ///
    /// let mut bytes = [0; 16];
    /// DsmRange::fill(&mut bytes, &[DsmRange::new(0x10, 8)]);
    /// assert_eq!(bytes, [0, 0, 0, 0, 8, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0]);
    /// ```
    pub fn fill(bytes: &mut [u8], ranges: &[Self]) {
        assert!(ranges.len() * 16 <= bytes.len(), "{} ranges do not fit", ranges.len());
        for (bytes, range) in bytes.chunks_exact_mut(16).zip(ranges) {
            bytes[..4].copy_from_slice(&range.attributes.to_le_bytes());
            bytes[4..8].copy_from_slice(&range.blocks.to_le_bytes());
            bytes[8..].copy_from_slice(&range.slba.to_le_bytes());
        }
    }
}

/// The attributes of a Dataset Management command: what the ranges are said to be (NVM 3.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DsmAttributes {
    /// AD: the controller may deallocate the ranges.
    pub deallocate: bool,
    /// IDW: the ranges will be written as a unit.
    pub integral_write: bool,
    /// IDR: the ranges will be read as a unit.
    pub integral_read: bool,
}

impl DsmAttributes {
    /// Deallocate.
    pub const DEALLOCATE: Self =
        Self { deallocate: true, integral_write: false, integral_read: false };

    pub(super) fn bits(self) -> u32 {
        u32::from(self.integral_read)
            | u32::from(self.integral_write) << 1
            | u32::from(self.deallocate) << 2
    }
}
