//! What a submission queue entry says, in words.

use std::ops::Range;

use crate::spec::Sqe;

/// Returns the blocks that an I/O command names in its SLBA and NLB fields.
pub fn blocks(sqe: &Sqe, admin: bool) -> Option<Range<u64>> {
    let _ = (sqe, admin);
    None
}
