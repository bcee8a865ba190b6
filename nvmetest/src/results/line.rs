//! One line of a file of results.

use serde::Deserialize;
use serde::Serialize;

use super::attempt::Attempt;
use super::run::Begin;
use super::run::Device;
use super::run::End;
use super::run::Health;
use super::run::Note;
use super::run::Planned;
use super::run::Run;

/// The version of the lines. A reader refuses a newer one; an older one it understands.
///
/// Version 2 has lines of tests that begin.
pub const SCHEMA: u32 = 2;

/// One line of a file of results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Line {
    /// A run begins, or goes on.
    Run(Run),
    /// A device was opened.
    Device(Device),
    /// A test is to run.
    Test(Planned),
    /// A test begins.
    Begin(Begin),
    /// A test ran.
    Attempt(Attempt),
    /// What a device says of its health.
    Health(Health),
    /// What else happened.
    Note(Note),
    /// The run is over.
    End(End),
}

macro_rules! line_of {
    ($($name:ident($content:ident),)*) => {$(
        impl From<$content> for Line {
            fn from(content: $content) -> Self {
                Self::$name(content)
            }
        }
    )*};
}

line_of! {
    Run(Run),
    Device(Device),
    Test(Planned),
    Begin(Begin),
    Attempt(Attempt),
    Health(Health),
    Note(Note),
    End(End),
}
