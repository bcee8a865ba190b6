//! How many logical blocks commands are for.

use std::ops::RangeInclusive;

/// The sizes of commands in logical blocks, each with a weight: how often it is drawn, relative to the others.
///
/// ```
/// use nvmetest::ioworker::IoSizes;
///
/// let one = IoSizes::from(8);
/// let as_often = IoSizes::from([1, 8, 32]);
/// let mostly_small = IoSizes::from([(8, 90), (64, 10)]);
/// let any = IoSizes::from(1..=256);
/// assert_eq!(one, IoSizes::from([(8, 1)]));
/// # let _ = (as_often, mostly_small, any);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IoSizes(pub(in crate::ioworker) Vec<(u32, u32)>);

impl From<u32> for IoSizes {
    fn from(blocks: u32) -> Self {
        Self(vec![(blocks, 1)])
    }
}

impl<const N: usize> From<[u32; N]> for IoSizes {
    fn from(sizes: [u32; N]) -> Self {
        sizes.to_vec().into()
    }
}

impl From<Vec<u32>> for IoSizes {
    fn from(sizes: Vec<u32>) -> Self {
        Self(sizes.into_iter().map(|blocks| (blocks, 1)).collect())
    }
}

impl<const N: usize> From<[(u32, u32); N]> for IoSizes {
    fn from(sizes: [(u32, u32); N]) -> Self {
        Self(sizes.to_vec())
    }
}

impl From<Vec<(u32, u32)>> for IoSizes {
    fn from(sizes: Vec<(u32, u32)>) -> Self {
        Self(sizes)
    }
}

impl From<RangeInclusive<u32>> for IoSizes {
    fn from(sizes: RangeInclusive<u32>) -> Self {
        Self(sizes.map(|blocks| (blocks, 1)).collect())
    }
}
