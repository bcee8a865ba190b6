//! What the kernel says of the IOMMU: which addresses it translates, and how many mappings it grants.

use std::ops::Range;

use vfio_bindings::bindings::vfio::VFIO_IOMMU_INFO_CAPS;
use vfio_bindings::bindings::vfio::VFIO_IOMMU_INFO_PGSIZES;
use vfio_bindings::bindings::vfio::VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE;
use vfio_bindings::bindings::vfio::VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL;

/// The answer to VFIO_IOMMU_GET_INFO.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct IommuInfo {
    /// The sizes of pages, a bit each; none if the kernel does not say.
    page_sizes: Option<u64>,
    /// The addresses that it translates; empty if the kernel does not say.
    ranges: Vec<Range<u64>>,
    /// How many more mappings the kernel grants, if it says.
    pub(super) mappings: Option<u32>,
}

/// The length of `vfio_iommu_type1_info`, and the offset of its last field: where the first capability is.
const HEADER: usize = 24;
const CAPABILITIES: usize = 16;

impl IommuInfo {
    /// Reads the structure and the capabilities that follow it. What is malformed is as if it were not there.
    pub(super) fn parse(info: &[u8]) -> Self {
        let mut parsed = Self::default();
        let (Some(flags), Some(pages)) = (u32_at(info, 4), u64_at(info, 8)) else { return parsed };
        parsed.page_sizes = (flags & VFIO_IOMMU_INFO_PGSIZES != 0).then_some(pages);
        if flags & VFIO_IOMMU_INFO_CAPS == 0 {
            return parsed;
        }
        let mut at = u32_at(info, CAPABILITIES).unwrap_or(0) as usize;
        // Each capability has a header of 8 bytes, so a list that is longer is a loop.
        for _ in 0..info.len() / 8 {
            let Some(id) = (HEADER <= at).then(|| u16_at(info, at)).flatten() else { break };
            match u32::from(id) {
                VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE => parsed.ranges = ranges(info, at),
                VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL => parsed.mappings = u32_at(info, at + 8),
                _ => {}
            }
            at = u32_at(info, at + 4).unwrap_or(0) as usize;
        }
        parsed
    }

    /// What iommufd says: what addresses have to be multiples of, and those that it translates.
    pub(super) fn of_ranges(alignment: u64, ranges: Vec<Range<u64>>) -> Self {
        let ranges = ranges.into_iter().filter(|range| range.start < range.end).collect();
        Self { page_sizes: Some(alignment.max(1)), ranges, mappings: None }
    }

    /// The smallest page, in bytes.
    pub(super) fn smallest_page(&self) -> u64 {
        self.page_sizes.map_or(4096, |sizes| 1 << sizes.trailing_zeros().min(63))
    }

    /// The longest range of addresses, without the first page: a pointer of zero is to be a fault.
    pub(super) fn widest(&self) -> Range<u64> {
        let widest = self.ranges.iter().max_by_key(|range| range.end - range.start);
        // Every IOMMU translates 39 bits; who says nothing of ranges is an old kernel.
        let widest = widest.cloned().unwrap_or(0..1 << 39);
        widest.start.max(4096)..widest.end
    }
}

/// Reads struct `vfio_iommu_type1_info_cap_iova_range` at `at`: header, count, padding, pairs of first and last.
fn ranges(info: &[u8], at: usize) -> Vec<Range<u64>> {
    let count = u32_at(info, at + 8).unwrap_or(0) as usize;
    let pair = |n: usize| {
        let (first, last) = (u64_at(info, at + 16 + 16 * n)?, u64_at(info, at + 24 + 16 * n)?);
        (first <= last).then(|| first..last.saturating_add(1))
    };
    (0..count.min(info.len() / 16)).map_while(pair).collect()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    /// Two ranges, with the window of the interrupts between them, and the number of mappings.
    fn answer() -> Vec<u32> {
        let mut info = vec![100, 0b11, 0x4020_1000, 0, 24, 0];
        info.extend([1 | 1 << 16, 72, 2, 0]);
        info.extend([0, 0, 0xfedf_ffff, 0, 0xfef0_0000, 0, 0xffff_ffff, 0x7f]);
        info.extend([3 | 1 << 16, 0, 65535]);
        info
    }

    #[test]
    fn ranges_and_the_number_of_mappings_are_read() {
        let info = IommuInfo::parse(&words(&answer()));
        assert_eq!(info.ranges, [0..0xfee0_0000, 0xfef0_0000..0x80_0000_0000]);
        assert_eq!((info.mappings, info.smallest_page()), (Some(65535), 4096));
        assert_eq!(info.widest(), 0xfef0_0000..0x80_0000_0000);
    }

    #[test]
    fn nothing_is_read_behind_the_end() {
        let all = words(&answer());
        for len in 0..all.len() {
            let info = IommuInfo::parse(&all[..len]);
            assert!(info.mappings.is_none(), "{len} bytes");
        }
    }

    #[test]
    fn a_list_that_is_a_loop_has_an_end() {
        let mut looping = answer();
        looping[19] = 24;
        assert_eq!(IommuInfo::parse(&words(&looping)).mappings, Some(65535));
    }

    #[test]
    fn a_count_of_ranges_that_cannot_be_is_not_believed() {
        let mut many = answer();
        many[8] = u32::MAX;
        assert!(IommuInfo::parse(&words(&many)).ranges.len() <= 4);
    }

    #[test]
    fn an_old_kernel_says_nothing_of_ranges() {
        let info = IommuInfo::parse(&words(&[24, 1, 0x1000, 0, 0, 0]));
        assert_eq!(info.widest(), 0x1000..0x80_0000_0000);
    }
}
