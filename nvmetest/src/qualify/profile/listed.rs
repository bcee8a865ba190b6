//! What a profile has to know of a test.

/// What a profile has to know of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Why it does not run, unless it is asked for.
    pub ignored: Option<String>,
}

impl Listed {
    /// Returns the part of the name before the first `::`.
    pub fn area(&self) -> &str {
        area(&self.name)
    }
}

pub(super) fn area(name: &str) -> &str {
    name.split_once("::").map_or(name, |(area, _)| area)
}
