//! Opcodes on the command line.

use std::str::FromStr;

use super::ToolError;
use crate::cmdlog::Record;
use crate::spec::AdminOpcode;
use crate::spec::NvmOpcode;

/// A condition on the opcode: a name, which says also whether it is of an admin command, or a number.
///
/// ```
/// use nvmetest::cmdlog::tools::OpcodeFilter;
///
/// let by_name: OpcodeFilter = "Write Zeroes".parse()?;
/// assert_eq!(by_name, "write-zeroes".parse()?);
/// assert_ne!(by_name, "08h".parse()?, "8h is Abort, too, among the admin commands");
/// # Ok::<(), nvmetest::cmdlog::tools::ToolError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpcodeFilter {
    opcode: u8,
    /// Of which kind of command; `None` for both.
    admin: Option<bool>,
}

impl OpcodeFilter {
    pub(super) fn holds(self, record: &Record) -> bool {
        self.opcode == record.sqe.opcode() && self.admin.is_none_or(|it| it == record.is_admin())
    }
}

impl FromStr for OpcodeFilter {
    type Err = ToolError;

    fn from_str(text: &str) -> Result<Self, ToolError> {
        if let Some(opcode) = number(text).and_then(|number| u8::try_from(number).ok()) {
            return Ok(Self { opcode, admin: None });
        }
        let wanted = letters(text);
        let is_wanted = |name: Option<&str>| name.is_some_and(|name| letters(name) == wanted);
        let io = NvmOpcode::NAMED.iter().find(|opcode| is_wanted(opcode.name()));
        let admin = AdminOpcode::NAMED.iter().find(|opcode| is_wanted(opcode.name()));
        match (io, admin) {
            (Some(opcode), _) => Ok(Self { opcode: opcode.0, admin: Some(false) }),
            (None, Some(opcode)) => Ok(Self { opcode: opcode.0, admin: Some(true) }),
            (None, None) => {
                let io = NvmOpcode::NAMED.iter().filter_map(|opcode| opcode.name());
                let admin = AdminOpcode::NAMED.iter().filter_map(|opcode| opcode.name());
                let all: Vec<String> = io.chain(admin).map(option).collect();
                Err(ToolError::new(format!(
                    "no command is called `{text}`; give a number such as 0x02, or one of {}",
                    all.join(", ")
                )))
            }
        }
    }
}

/// Reads `2`, `0x2` or `2h`.
pub(super) fn number(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    match digits.or_else(|| text.strip_suffix(['h', 'H'])) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Names are the same whatever stands between their words.
pub(super) fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect()
}

/// A name as one would type it: `write-zeroes`.
pub(super) fn option(name: &str) -> String {
    let words = name.split(|char: char| !char.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-").to_ascii_lowercase()
}
