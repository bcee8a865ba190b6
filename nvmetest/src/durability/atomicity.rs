//! How much of a write a power loss does not tear (NVM 2.1.4.2).

use std::ops::Range;

use crate::spec::IdentifyController;
use crate::spec::IdentifyNamespace;

/// Which writes are all old or all new after a power loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Atomicity {
    /// The most blocks of such a write: AWUPF or NAWUPF, and at least one.
    pub blocks: u64,
    /// NABSPF as a number of blocks: a write across a multiple of it is torn there; none for no boundaries.
    pub boundary: Option<u64>,
    /// NABO: where the first boundary is.
    pub offset: u64,
}

impl Atomicity {
    /// What a controller says of itself and of a namespace (Base 5.1.13.2.1, NVM 4.1.5.1).
    pub fn of(controller: &IdentifyController, namespace: &IdentifyNamespace) -> Self {
        let blocks = u64::from(controller.awupf_z.get()) + 1;
        let mut atomicity = Self { blocks, boundary: None, offset: 0 };
        if namespace.nsfeat.nsabp() {
            atomicity.blocks = blocks.max(u64::from(namespace.nawupf_z.get()) + 1);
            let boundary = u64::from(namespace.nabspf_z.get());
            // Of these fields 0h is no size, but that there are no boundaries.
            atomicity.boundary = (boundary != 0).then_some(boundary + 1);
            atomicity.offset = namespace.nabo.get().into();
        }
        atomicity
    }

    /// Whether a write of these blocks is all old or all new.
    pub fn covers(&self, range: &Range<u64>) -> bool {
        let len = range.end.saturating_sub(range.start);
        if len == 0 || self.blocks < len {
            return len == 0;
        }
        let last = range.end - 1;
        // Boundaries are at NABO and every NABSPF blocks from there on, in both directions.
        let area = |lba: u64, size: u64| (lba + size - self.offset % size) / size;
        self.boundary.is_none_or(|size| area(range.start, size) == area(last, size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_covered_up_to_its_size_and_within_boundaries() {
        let mut atomicity = Atomicity { blocks: 4, boundary: None, offset: 0 };
        assert!(atomicity.covers(&(3..7)));
        assert!(!atomicity.covers(&(3..8)));
        atomicity.boundary = Some(8);
        assert!(atomicity.covers(&(4..8)));
        assert!(!atomicity.covers(&(6..10)));
        atomicity.offset = 3;
        assert!(atomicity.covers(&(6..10)));
        assert!(atomicity.covers(&(11..15)));
        assert!(!atomicity.covers(&(10..12)));
        assert!(!atomicity.covers(&(2..4)));
    }
}
