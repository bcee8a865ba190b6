//! What holds for every completion, whatever the test looks at (Base 3.3.1, Base 4.2).

use crate::Error;
use crate::spec::Cqe;

/// A rule that a completion broke.
#[derive(Debug)]
pub(super) struct Violation {
    pub(super) what: String,
    pub(super) clause: &'static str,
}

impl Violation {
    pub(super) fn of(self, cqid: u16, cqe: &Cqe) -> Error {
        let entry = format!(
            "SQID {} SQHD {} CID {:#06x} {:?} DW0 {:#010x}",
            cqe.sqid,
            cqe.sqhd,
            cqe.cid.get(),
            cqe.status_field(),
            cqe.dw0.get(),
        );
        Error::Completion { cqid, what: self.what, clause: self.clause, entry }
    }
}

pub(super) fn unknown_submission_queue(sqid: u16) -> Violation {
    let what = format!("no submission queue {sqid} completes here");
    Violation { what, clause: "Base 4.2.1, SQ Identifier" }
}

pub(super) fn unknown_command(cid: u16) -> Violation {
    let what = format!(
        "command identifier {cid:#06x} is not in flight: it was completed twice or never submitted"
    );
    Violation { what, clause: "Base 4.2.1, Command Identifier" }
}

/// SQHD moves forward and never passes the tail: entries that the controller did not fetch are not free.
#[inline]
pub(super) fn check_head(cqe: &Cqe, head: u32, tail: u32, entries: u32) -> Result<(), Violation> {
    let sqhd = u32::from(cqe.sqhd.get());
    if is_head(sqhd, head, tail, entries) {
        Ok(())
    } else {
        Err(wrong_head(sqhd, head, tail, entries))
    }
}

#[inline]
pub(super) fn is_head(sqhd: u32, head: u32, tail: u32, entries: u32) -> bool {
    if head <= tail {
        head <= sqhd && sqhd <= tail
    } else {
        sqhd <= tail || (head <= sqhd && sqhd < entries)
    }
}

#[cold]
fn wrong_head(sqhd: u32, head: u32, tail: u32, entries: u32) -> Violation {
    let what = if entries <= sqhd {
        format!("SQHD {sqhd} is not an index of a queue of {entries} entries")
    } else {
        format!("SQHD {sqhd} is not between the last head {head} and the tail {tail}")
    };
    Violation { what, clause: "Base 4.2.1, SQ Head Pointer" }
}

/// The status code types 4h to 6h are reserved.
#[inline]
pub(super) fn check_status(cqe: &Cqe) -> Result<(), Violation> {
    let sct = cqe.status_field().sct();
    if (4..=6).contains(&sct) { Err(reserved_status(sct)) } else { Ok(()) }
}

#[cold]
fn reserved_status(sct: u8) -> Violation {
    let what = format!("the status code type {sct}h is reserved");
    Violation { what, clause: "Base 4.2.3, Status Code Type" }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    fn with_head(sqhd: u16) -> Cqe {
        let mut cqe = Cqe::new_zeroed();
        cqe.sqhd = sqhd.into();
        cqe
    }

    #[test]
    fn the_head_moves_up_to_the_tail_and_wraps() {
        assert!(check_head(&with_head(5), 3, 5, 8).is_ok());
        assert!(check_head(&with_head(1), 6, 1, 8).is_ok());
        assert!(check_head(&with_head(7), 6, 1, 8).is_ok());
        assert!(check_head(&with_head(6), 6, 6, 8).is_ok());
    }

    #[test]
    fn the_head_does_not_pass_the_tail_or_go_back() {
        let passes = check_head(&with_head(6), 3, 5, 8).unwrap_err();
        assert_eq!(passes.what, "SQHD 6 is not between the last head 3 and the tail 5");
        assert!(check_head(&with_head(2), 3, 5, 8).is_err());
        assert!(check_head(&with_head(8), 3, 5, 8).is_err());
    }
}
