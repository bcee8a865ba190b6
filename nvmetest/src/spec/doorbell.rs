//! Where the doorbells are (PCIe transport 3.1.2).
//!
//! The offsets are from the start of BAR0, like those of the properties.

/// Offset of the first doorbell (PCIe transport 3.1.2).
pub const START: u32 = 0x1000;

/// Distance in bytes between two doorbells: `4 << CAP.DSTRD` (Base 3.1.4.1).
///
/// `dstrd` has four bits in CAP; higher bits are ignored.
pub const fn stride(dstrd: u8) -> u32 {
    4 << (dstrd & 0xF)
}

/// Offset of SQyTDBL, the tail doorbell of submission queue `qid` (PCIe transport 3.1.2.1).
///
/// With the largest stride and the largest queue identifier the product passes 32 bits, and no BAR
/// of 4 GiB could hold it: the offset then is `u32::MAX`, which is outside of every BAR.
pub const fn sq_tail(qid: u16, dstrd: u8) -> u32 {
    offset(2 * qid as u32, dstrd)
}

/// Offset of CQyHDBL, the head doorbell of completion queue `qid` (PCIe transport 3.1.2.2).
///
/// Saturates like [`sq_tail`].
pub const fn cq_head(qid: u16, dstrd: u8) -> u32 {
    offset(2 * qid as u32 + 1, dstrd)
}

const fn offset(index: u32, dstrd: u8) -> u32 {
    START.saturating_add(index.saturating_mul(stride(dstrd)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doorbells_alternate_between_tail_and_head() {
        assert_eq!([sq_tail(0, 0), cq_head(0, 0)], [0x1000, 0x1004]);
        assert_eq!([sq_tail(1, 0), cq_head(1, 0)], [0x1008, 0x100C]);
        assert_eq!([sq_tail(16, 0), cq_head(16, 0)], [0x1080, 0x1084]);
    }

    #[test]
    fn the_stride_scales_every_doorbell() {
        assert_eq!([sq_tail(1, 4), cq_head(1, 4)], [0x1080, 0x10C0]);
    }

    #[test]
    fn an_absurd_stride_saturates_and_does_not_wrap_into_the_properties() {
        assert_eq!(cq_head(u16::MAX, 15), u32::MAX);
        assert_eq!(stride(0xFF), 4 << 15);
    }
}
