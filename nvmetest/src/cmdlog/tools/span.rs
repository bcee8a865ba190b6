//! Times and blocks on the command line.

use std::ops::Range;
use std::str::FromStr;

use super::ToolError;
use super::opcode::number;

/// A time after the first command of a log.
///
/// ```
/// use nvmetest::cmdlog::tools::Moment;
///
/// assert_eq!("1.5s".parse::<Moment>()?.ns(), 1_500_000_000);
/// assert_eq!("+250us".parse::<Moment>()?.ns(), 250_000);
/// assert!("soon".parse::<Moment>().is_err());
/// # Ok::<(), nvmetest::cmdlog::tools::ToolError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(u64);

impl Moment {
    /// In nanoseconds.
    pub fn ns(self) -> u64 {
        self.0
    }
}

impl FromStr for Moment {
    type Err = ToolError;

    fn from_str(text: &str) -> Result<Self, ToolError> {
        const UNITS: [(&str, u64); 6] = [
            ("ns", 1),
            ("us", 1_000),
            ("µs", 1_000),
            ("ms", 1_000_000),
            ("s", 1_000_000_000),
            ("", 1_000_000_000),
        ];
        let unit = UNITS.iter().find_map(|(name, ns)| Some((text.strip_suffix(name)?, *ns)));
        unit.and_then(|(digits, ns)| decimal(digits.trim().trim_start_matches('+'), ns))
            .map(Self)
            .ok_or_else(|| {
                ToolError::new(format!(
                    "`{text}` is no time; give one such as 1.5s, 20ms, 300us or 1000ns"
                ))
            })
    }
}

/// Reads a number of units with a fraction, exactly: all nine digits of a time that was printed count.
fn decimal(digits: &str, unit: u64) -> Option<u64> {
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(part) || (whole.is_empty() && part.is_empty()) {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut ns = whole.checked_mul(unit)?;
    let mut unit = unit;
    for digit in part.bytes() {
        unit /= 10;
        ns = ns.checked_add(u64::from(digit - b'0') * unit)?;
    }
    Some(ns)
}

/// Logical blocks: `4096`, `0..1024`, `0x10..=0x1f`, `100..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LbaRange(Range<u64>);

impl LbaRange {
    pub(super) fn overlaps(&self, blocks: &Range<u64>) -> bool {
        blocks.start < self.0.end && self.0.start < blocks.end
    }
}

impl FromStr for LbaRange {
    type Err = ToolError;

    fn from_str(text: &str) -> Result<Self, ToolError> {
        let range = || {
            let Some((start, end)) = text.split_once("..") else {
                let block = number(text)?;
                return Some(block..block.saturating_add(1));
            };
            let start = if start.is_empty() { 0 } else { number(start)? };
            let end = match end.strip_prefix('=') {
                Some(last) => number(last)?.saturating_add(1),
                None if end.is_empty() => u64::MAX,
                None => number(end)?,
            };
            (start < end).then_some(start..end)
        };
        range().map(Self).ok_or_else(|| {
            ToolError::new(format!(
                "`{text}` is no range of blocks; give one such as 4096, 0..1024 or 0x10..=0x1f"
            ))
        })
    }
}
