//! Which statuses a test lets pass.

use std::fmt;

use crate::spec::Status;

/// The statuses that are the passing outcome of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// This one.
    One(Status),
    /// Any of these, where the standard leaves the choice.
    OneOf(&'static [Status]),
    /// Any status: the test looks at it itself.
    Any,
}

impl Expected {
    /// What a command expects that does not say otherwise.
    pub(crate) const SUCCESS: Self = Self::One(Status::SUCCESS);

    /// Whether `status` is among them.
    ///
    /// ```
    /// use nvmetest::{Expected, Status};
    ///
    /// let expected = Expected::from(Status::LBA_OUT_OF_RANGE);
    /// assert!(expected.admits(Status::LBA_OUT_OF_RANGE) && !expected.admits(Status::SUCCESS));
    /// ```
    #[inline]
    pub fn admits(self, status: Status) -> bool {
        match self {
            Self::One(one) => status == one,
            Self::OneOf(several) => several.contains(&status),
            Self::Any => true,
        }
    }
}

impl From<Status> for Expected {
    fn from(status: Status) -> Self {
        Self::One(status)
    }
}

impl From<&'static [Status]> for Expected {
    fn from(statuses: &'static [Status]) -> Self {
        Self::OneOf(statuses)
    }
}

impl<const N: usize> From<&'static [Status; N]> for Expected {
    fn from(statuses: &'static [Status; N]) -> Self {
        Self::OneOf(statuses)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(status) => status.fmt(f),
            Self::OneOf(statuses) => {
                for (number, status) in statuses.iter().enumerate() {
                    let separator = if number == 0 { "" } else { " or " };
                    write!(f, "{separator}{status}")?;
                }
                Ok(())
            }
            Self::Any => f.write_str("any status"),
        }
    }
}
