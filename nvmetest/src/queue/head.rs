//! The submission queue head, as far as the controller said (Base 3.3.1.2, Base 4.2.1).

use std::cell::Cell;

use crate::spec::Cqe;

use super::invariant;
use super::invariant::Violation;

/// What the latest completion says of a submission queue.
pub(super) struct Head {
    /// As in Dword 2 of a completion queue entry: SQHD, and SQID above it.
    latest: Cell<u32>,
}

impl Head {
    pub(super) fn new(sqid: u16) -> Self {
        Self { latest: Cell::new(u32::from(sqid) << 16) }
    }

    /// SQHD of the latest completion.
    #[inline]
    pub(super) fn sqhd(&self) -> u32 {
        self.latest.get() & 0xffff
    }

    /// Whether a completion is of this queue, and the controller has fetched one entry more: what is most common, and
    /// costs least. `tail` is where the host will write next.
    #[inline(always)]
    pub(super) fn is_followed_by(&self, cqe: &Cqe, tail: u32) -> bool {
        // The tail is not behind the last of 65,536 entries, where one more would carry into SQID.
        dword2(cqe).wrapping_sub(1) == self.latest.get() && self.sqhd() < tail
    }

    /// Whether a completion is of this queue, and its SQHD can be; `tail` is where the host will write next, of
    /// `entries`.
    #[cold]
    pub(super) fn admits(&self, cqe: &Cqe, tail: u32, entries: u32) -> bool {
        (dword2(cqe) ^ self.latest.get()) >> 16 == 0
            && invariant::is_head(cqe.sqhd.get().into(), self.sqhd(), tail, entries)
    }

    /// Notes what a completion of this queue says.
    #[inline]
    pub(super) fn note(&self, cqe: &Cqe) {
        self.latest.set(dword2(cqe));
    }

    /// Notes what a completion of this queue says, if that can be.
    pub(super) fn move_to(&self, cqe: &Cqe, tail: u32, entries: u32) -> Result<(), Violation> {
        invariant::check_head(cqe, self.sqhd(), tail, entries)?;
        self.note(cqe);
        Ok(())
    }
}

#[inline]
fn dword2(cqe: &Cqe) -> u32 {
    u32::from(cqe.sqhd.get()) | u32::from(cqe.sqid.get()) << 16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zerocopy::FromZeros;

    use super::*;

    const SQID: u16 = 7;

    fn cqe(sqid: u16, sqhd: u16) -> Cqe {
        let mut cqe = Cqe::new_zeroed();
        (cqe.sqid, cqe.sqhd) = (sqid.into(), sqhd.into());
        cqe
    }

    /// A head that was told of `sqhd`.
    fn at(sqhd: u16) -> Head {
        let head = Head::new(SQID);
        head.note(&cqe(SQID, sqhd));
        head
    }

    #[test]
    fn the_largest_queue_wraps_to_its_own_first_entry() {
        let head = at(u16::MAX);
        assert!(head.admits(&cqe(SQID, 0), 0, 1 << 16));
        let of_another_queue = cqe(SQID + 1, 0);
        assert!(!head.admits(&of_another_queue, 5, 1 << 16));
        assert!(!head.is_followed_by(&of_another_queue, 5));
    }

    proptest! {
        #[test]
        fn what_follows_is_admitted_and_what_is_admitted_keeps_the_rule(
            entries in 2_u32..12, latest in 0_u32..12, tail in 0_u32..12, sqhd in 0_u16..14, sqid in 6_u16..9,
        ) {
            let (latest, tail) = (latest % entries, tail % entries);
            let (head, cqe) = (at(latest as u16), cqe(sqid, sqhd));
            let by_rule = sqid == SQID && invariant::is_head(sqhd.into(), latest, tail, entries);
            prop_assert_eq!(head.admits(&cqe, tail, entries), by_rule);
            let follows = by_rule && u32::from(sqhd) == latest + 1;
            prop_assert_eq!(head.is_followed_by(&cqe, tail), follows && sqhd as u32 <= tail);
        }
    }
}
