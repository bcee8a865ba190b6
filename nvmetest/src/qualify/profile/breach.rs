//! What a profile asks for, and a run does not have.

use std::fmt;

/// What a profile asks for, and a run does not have. A run with one is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// The device that it concerns, if it is one.
    pub device: Option<u32>,
    /// The test that it concerns, if it is one.
    pub test: Option<String>,
    /// A sentence, without the test and the device.
    pub what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(test) = &self.test {
            write!(f, "{test}: ")?;
        }
        if let Some(device) = self.device {
            write!(f, "device {device}: ")?;
        }
        f.write_str(&self.what)
    }
}
