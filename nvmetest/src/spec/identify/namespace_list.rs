//! Namespace List, as CNS 02h, 07h and 10h return it and log page 04h has it (Base 4.6.2).

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;
use zerocopy::little_endian::U32;

/// Up to 1024 NSIDs in increasing order; a zero ends the list (Base 4.6.2).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct NamespaceList {
    /// The NSIDs as they are on the wire.
    pub nsid: [U32; 1024],
}

const _: () = assert!(size_of::<NamespaceList>() == 4096);

impl NamespaceList {
    /// The NSIDs up to the first zero, at most 1024, in the order of the device.
    ///
    /// The order is not checked here: a list that does not increase is for a test to find, and for
    /// whoever asks page by page a reason to stop.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.nsid.iter().map(|nsid| nsid.get()).take_while(|&nsid| nsid != 0)
    }

    /// Whether the NSIDs increase and nothing follows the zero that ends the list.
    pub fn is_well_formed(&self) -> bool {
        let end = self.iter().count();
        self.nsid[..end].is_sorted_by(|a, b| a.get() < b.get())
            && self.nsid[end..].iter().all(|nsid| nsid.get() == 0)
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    fn list(nsids: &[u32]) -> NamespaceList {
        let mut list = NamespaceList::new_zeroed();
        for (slot, &nsid) in list.nsid.iter_mut().zip(nsids) {
            *slot = U32::new(nsid);
        }
        list
    }

    #[test]
    fn the_first_zero_ends_the_list() {
        assert_eq!(list(&[1, 2, 7, 0, 9]).iter().collect::<Vec<_>>(), [1, 2, 7]);
        assert_eq!(list(&[]).iter().count(), 0);
    }

    #[test]
    fn a_full_list_has_1024_entries() {
        let nsids: Vec<u32> = (1..=1024).collect();
        assert_eq!(list(&nsids).iter().count(), 1024);
        assert!(list(&nsids).is_well_formed());
    }

    #[test]
    fn disorder_repetition_and_leftovers_are_not_well_formed() {
        assert!(list(&[1, 2, 3]).is_well_formed());
        assert!(!list(&[2, 1]).is_well_formed());
        assert!(!list(&[1, 1]).is_well_formed());
        assert!(!list(&[1, 0, 2]).is_well_formed());
    }
}
