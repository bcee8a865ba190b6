//! Statuses on the command line.

use std::str::FromStr;

use super::ToolError;
use super::opcode::letters;
use super::opcode::number;
use super::opcode::option;
use crate::cmdlog::Outcome;
use crate::cmdlog::Record;
use crate::spec::Status;

/// A condition on how a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    /// With Successful Completion, in time.
    Success,
    /// With any other status, or given up by the host.
    Error,
    /// There is no completion.
    None,
    /// The completion came after the host had given it up.
    Late,
    /// With this status.
    Exactly(Status),
}

impl StatusFilter {
    pub(super) fn holds(self, record: &Record) -> bool {
        match self {
            Self::Success => {
                !record.has_failed() && matches!(record.outcome, Outcome::Completed { .. })
            }
            Self::Error => record.has_failed(),
            Self::None => record.cqe().is_none(),
            Self::Late => matches!(record.outcome, Outcome::Abandoned { late: Some(_), .. }),
            Self::Exactly(status) => record.status() == Some(status),
        }
    }
}

impl FromStr for StatusFilter {
    type Err = ToolError;

    fn from_str(text: &str) -> Result<Self, ToolError> {
        match text {
            "success" => return Ok(Self::Success),
            "error" => return Ok(Self::Error),
            "none" => return Ok(Self::None),
            "late" => return Ok(Self::Late),
            _ => {}
        }
        if let Some(status) = by_number(text) {
            return Ok(Self::Exactly(status));
        }
        let wanted = letters(text);
        let has_name = |status: &&Status| status.name().is_some_and(|it| letters(it) == wanted);
        if let Some(status) = Status::NAMED.iter().find(has_name) {
            return Ok(Self::Exactly(*status));
        }
        let names: Vec<String> =
            Status::NAMED.iter().filter_map(|status| status.name()).map(option).collect();
        Err(ToolError::new(format!(
            "no status is called `{text}`; give success, error, none, late, a number such as 0x80 or 1/2 (SCT/SC), or one of {}",
            names.join(", ")
        )))
    }
}

/// Reads `SCT/SC`, or both in one number.
fn by_number(text: &str) -> Option<Status> {
    let of = |sct: u64, sc: u64| (sct < 8 && sc < 256).then_some(Status((sct << 8 | sc) as u16));
    match text.split_once('/') {
        Some((sct, sc)) => of(number(sct)?, number(sc)?),
        None => number(text).and_then(|both| of(both >> 8, both & 0xff)),
    }
}
