//! Physical Region Page entries and lists (Base 4.3.1).

/// A run of memory that is contiguous for the device: address and length in bytes.
pub type Piece = (u64, usize);

/// The data pointer of a command, as PRPs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prps {
    /// PRP Entry 1, and PRP Entry 2 or 0.
    Entries(u64, u64),
    /// PRP Entry 1, and what the PRP List holds that PRP Entry 2 points to: always two entries or more.
    List(u64, Vec<u64>),
}

/// Why memory cannot be described by PRPs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrpError {
    /// Only the first entry may have an offset, and only the last page may be used in part.
    #[error(
        "PRPs cannot describe data that goes on at {address:#x}: pieces meet only at the boundary of a \
         memory page of {page} bytes; use an SGL for it"
    )]
    Gap {
        /// Where the piece starts.
        address: u64,
        /// The size of a memory page.
        page: u64,
    },
}

/// Describes `pieces` as PRPs for memory pages of `page` bytes.
///
/// # Errors
///
/// Fails if a piece other than the first starts within a page, or one other than the last ends within one.
///
/// ```
/// use nvmetest::memory::prp::{Prps, entries};
///
/// // 6 KiB from the middle of a page on: the rest of that page, and one more.
/// assert_eq!(entries(&[(0x1800, 6 << 10)], 4096).unwrap(), Prps::Entries(0x1800, 0x2000));
/// ```
pub fn entries(pieces: &[Piece], page: u64) -> Result<Prps, PrpError> {
    if let [(address, len)] = *pieces {
        let second = (address / page + 1) * page;
        let end = address + len as u64;
        if end <= second {
            return Ok(Prps::Entries(address, 0));
        }
        if end <= second + page {
            return Ok(Prps::Entries(address, second));
        }
    }
    let mut all = Vec::new();
    let mut open_end = false;
    for &(address, len) in pieces.iter().filter(|&&(_, len)| 0 < len) {
        if open_end || (!all.is_empty() && !address.is_multiple_of(page)) {
            return Err(PrpError::Gap { address, page });
        }
        let end = address + len as u64;
        all.push(address);
        all.extend((address / page + 1..end.div_ceil(page)).map(|number| number * page));
        open_end = !end.is_multiple_of(page);
    }
    Ok(match *all {
        [] => Prps::Entries(0, 0),
        [first] => Prps::Entries(first, 0),
        [first, second] => Prps::Entries(first, second),
        [first, ..] => Prps::List(first, all.split_off(1)),
    })
}

/// Lays a PRP List of `entries` out in memory that is contiguous from `at` on: the last entry of a memory page
/// that does not hold the end of the list is the address of the next page.
///
/// The list need not start with its page; what is left of that page is all that it has there.
///
/// ```
/// use nvmetest::memory::prp::lay_out;
///
/// let entries: Vec<u64> = (0..513).map(|number| 0x10_0000 + number * 4096).collect();
/// let list = lay_out(&entries, 0x8000, 4096);
/// assert_eq!(list[511], 0x9000); // a pointer to the second page
/// assert_eq!(list[512..], entries[511..]);
///
/// // Two entries are left of the page: one of data, and a pointer.
/// assert_eq!(lay_out(&entries[..3], 0x8ff0, 4096), [entries[0], 0x9000, entries[1], entries[2]]);
/// ```
pub fn lay_out(entries: &[u64], at: u64, page: u64) -> Vec<u64> {
    const ENTRY: u64 = size_of::<u64>() as u64;
    let per_page = usize::try_from(page / ENTRY).expect("a page fits into memory");
    let mut room = usize::try_from((page - at % page) / ENTRY).expect("a page fits into memory");
    let mut list = Vec::with_capacity(entries.len() + entries.len() / (per_page - 1) + 2);
    let mut rest = entries;
    while room < rest.len() {
        let (now, later) = rest.split_at(room - 1);
        list.extend_from_slice(now);
        list.push(at + (list.len() as u64 + 1) * ENTRY);
        rest = later;
        room = per_page;
    }
    list.extend_from_slice(rest);
    list
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_page_needs_one_entry() {
        assert_eq!(entries(&[(0x1000, 4096)], 4096), Ok(Prps::Entries(0x1000, 0)));
        assert_eq!(entries(&[(0x1ffc, 4)], 4096), Ok(Prps::Entries(0x1ffc, 0)));
        assert_eq!(entries(&[(0x1ffc, 8)], 4096), Ok(Prps::Entries(0x1ffc, 0x2000)));
    }

    #[test]
    fn three_pages_need_a_list() {
        let list = Prps::List(0x1004, vec![0x2000, 0x3000]);
        assert_eq!(entries(&[(0x1004, 2 * 4096)], 4096), Ok(list));
    }

    #[test]
    fn pieces_meet_at_page_boundaries_only() {
        let scattered = [(0x1800, 0x800), (0x9000, 0x1000), (0x5000, 0x10)];
        assert_eq!(entries(&scattered, 4096), Ok(Prps::List(0x1800, vec![0x9000, 0x5000])));

        let starts_within = [(0x1000, 0x1000), (0x9004, 0x10)];
        assert_eq!(
            entries(&starts_within, 4096),
            Err(PrpError::Gap { address: 0x9004, page: 4096 })
        );
        let ends_within = [(0x1000, 0x10), (0x9000, 0x10)];
        assert_eq!(entries(&ends_within, 4096), Err(PrpError::Gap { address: 0x9000, page: 4096 }));
    }

    proptest! {
        /// A device that walks the entries as the standard says touches exactly the data.
        #[test]
        fn a_walk_of_the_entries_gives_the_data_back(
            first_page in 1_u64..1000, offset in 0_u64..1024, len in 1_usize..5_000_000, shift in 12_u32..17,
            list_entry in 0_u64..512,
        ) {
            let at = 0x4000_0000 + list_entry * 8;
            let page = 1_u64 << shift;
            let start = first_page * page + offset * 4 % page;
            let (prp1, rest) = match entries(&[(start, len)], page).unwrap() {
                Prps::Entries(prp1, 0) => (prp1, vec![]),
                Prps::Entries(prp1, prp2) => (prp1, vec![prp2]),
                Prps::List(prp1, list) => {
                    prop_assert!(2 <= list.len());
                    (prp1, walk_list(&lay_out(&list, at, page), at, page, list.len()))
                }
            };
            let mut expected = start;
            let mut left = len as u64;
            for entry in std::iter::once(prp1).chain(rest) {
                prop_assert_eq!(entry, expected);
                let here = (page - entry % page).min(left);
                expected += here;
                left -= here;
            }
            prop_assert_eq!(left, 0);
        }
    }

    fn walk_list(list: &[u64], at: u64, page: u64, mut left: usize) -> Vec<u64> {
        let mut entries = Vec::new();
        let mut address = at;
        while 0 < left {
            let entry = list[(address - at) as usize / 8];
            if address % page == page - 8 && 1 < left {
                assert!(entry.is_multiple_of(page));
                address = entry;
                continue;
            }
            entries.push(entry);
            address += 8;
            left -= 1;
        }
        entries
    }
}
