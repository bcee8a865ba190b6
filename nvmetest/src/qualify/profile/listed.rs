//! What a profile has to know of a test.

use crate::runner::registry;
use crate::runner::setup::SetupError;

/// What a profile has to know of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Why it does not run, unless it is asked for.
    pub ignored: Option<String>,
}

impl Listed {
    /// Returns the tests of this program, in their order.
    pub(crate) fn all() -> Result<Vec<Self>, SetupError> {
        let listed = |test: &registry::Test| Self {
            name: test.name(),
            ignored: test.function.ignore.map(str::to_owned),
        };
        Ok(registry::tests()?.iter().map(listed).collect())
    }

    /// Returns the part of the name before the first `::`.
    pub fn area(&self) -> &str {
        area(&self.name)
    }
}

pub(super) fn area(name: &str) -> &str {
    name.split_once("::").map_or(name, |(area, _)| area)
}
