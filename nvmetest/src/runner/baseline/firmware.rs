//! Which firmware revisions something is for.

use std::cmp::Ordering;

/// Firmware revisions: those that any of the parts matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Firmware(pub(crate) Vec<Revisions>);

/// Some firmware revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Revisions {
    /// Those that begin so.
    Prefix(String),
    /// Those for which all of this holds, such as `>=10.0, <11`.
    Range(Vec<(Comparison, String)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Firmware {
    /// Reads a revision or a range, or several of them.
    pub(super) fn of(value: &toml::Value) -> Result<Self, String> {
        let one = |value: &toml::Value| match value {
            toml::Value::String(text) => Revisions::parse(text),
            _ => Err("write a revision as a string, such as \"10.\" or \">=10.0, <11\"".to_owned()),
        };
        match value {
            toml::Value::Array(values) if values.is_empty() => {
                Err("no revision is in an empty list; delete it to mean all".to_owned())
            }
            toml::Value::Array(values) => {
                values.iter().map(one).collect::<Result<_, _>>().map(Self)
            }
            value => Ok(Self(vec![one(value)?])),
        }
    }

    pub(crate) fn matches(&self, revision: &str) -> bool {
        self.0.iter().any(|revisions| revisions.matches(revision))
    }

    /// Returns revisions that say whether this and another have one in common.
    pub(super) fn samples(&self) -> impl Iterator<Item = String> {
        let bounds = self.0.iter().flat_map(|revisions| match revisions {
            Revisions::Prefix(prefix) => vec![prefix],
            Revisions::Range(bounds) => bounds.iter().map(|(_, bound)| bound).collect(),
        });
        bounds.flat_map(|bound| ["", "0", ".0", "9"].map(|rest| format!("{bound}{rest}")))
    }
}

impl Revisions {
    fn parse(text: &str) -> Result<Self, String> {
        if !text.trim_start().starts_with(['<', '>', '=']) {
            return match text {
                "" => Err("every revision begins with nothing; delete it to mean all".to_owned()),
                _ => Ok(Self::Prefix(text.to_owned())),
            };
        }
        let bound = |part: &str| {
            let part = part.trim();
            let comparisons = [
                ("<=", Comparison::LessOrEqual),
                (">=", Comparison::GreaterOrEqual),
                ("<", Comparison::Less),
                (">", Comparison::Greater),
                ("=", Comparison::Equal),
            ];
            let found = comparisons.iter().find_map(|(sign, comparison)| {
                Some((*comparison, part.strip_prefix(sign)?.trim().to_owned()))
            });
            found.filter(|(_, revision)| !revision.is_empty())
        };
        let bounds: Option<Vec<_>> = text.split(',').map(bound).collect();
        let range = bounds.map(Self::Range).ok_or_else(|| {
            format!("`{text}` is no range of revisions; write such as \">=10.0, <11\"")
        })?;
        let of = Firmware(vec![range.clone()]);
        if of.samples().any(|sample| range.matches(&sample)) || range.is_open_below() {
            return Ok(range);
        }
        Err(format!("no revision is in `{text}`"))
    }

    /// What has no least revision is never empty.
    fn is_open_below(&self) -> bool {
        let Self::Range(bounds) = self else { return false };
        let above = |comparison| matches!(comparison, Comparison::Less | Comparison::LessOrEqual);
        bounds.iter().all(|(comparison, _)| above(*comparison))
    }

    /// Returns whether it is a beginning, and that of `revision`.
    pub(crate) fn is_prefix_of(&self, revision: &str) -> bool {
        matches!(self, Self::Prefix(prefix) if revision.starts_with(prefix))
    }

    fn matches(&self, revision: &str) -> bool {
        match self {
            Self::Prefix(prefix) => revision.starts_with(prefix),
            Self::Range(bounds) => bounds.iter().all(|(comparison, bound)| {
                let order = compare(revision, bound);
                match comparison {
                    Comparison::Less => order.is_lt(),
                    Comparison::LessOrEqual => order.is_le(),
                    Comparison::Equal => order.is_eq(),
                    Comparison::GreaterOrEqual => order.is_ge(),
                    Comparison::Greater => order.is_gt(),
                }
            }),
        }
    }
}

/// Compares revisions as people count them: numbers in them by value, the rest by letters. So 9.1 is before 10.0, which is
/// before 10.0.1.
fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (parts(a).into_iter(), parts(b).into_iter());
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => {
                let number = |part: &str| part.starts_with(|digit: char| digit.is_ascii_digit());
                if number(a) && number(b) {
                    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
                    a.len().cmp(&b.len()).then(a.cmp(b))
                } else {
                    a.cmp(b)
                }
            }
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Returns the numbers of a revision and what is between them.
fn parts(revision: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = revision;
    while let Some(first) = rest.chars().next() {
        let is_digit = first.is_ascii_digit();
        let end = rest.find(|letter: char| letter.is_ascii_digit() != is_digit);
        let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
        parts.push(part);
        rest = after;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firmware(text: &str) -> Firmware {
        Firmware::of(&toml::Value::String(text.to_owned())).unwrap()
    }

    #[test]
    fn a_range_counts_as_people_do() {
        for (range, revision, is_in) in [
            (">=10.0, <11", "10.0", true),
            (">=10.0, <11", "10.0.2", true),
            (">=10.0, <11", "9.9", false),
            (">=10.0, <11", "11", false),
            (">=10.0, <11", "11.0", false),
            (">7", "7", false),
            (">7", "7.1", true),
            ("<=GXA7801Q", "GXA7800Q", true),
            ("<=GXA7801Q", "GXA7801Q", true),
            ("<=GXA7801Q", "GXA7802A", false),
            ("=1.10", "1.010", true),
            ("<2", "", true),
            ("10.", "10.2", true),
            ("10.", "110.2", false),
        ] {
            assert_eq!(firmware(range).matches(revision), is_in, "{revision} in {range}");
        }
    }

    #[test]
    fn what_no_revision_is_in_is_refused() {
        let refused = |value: &str| {
            let table: toml::Table = format!("firmware = {value}").parse().unwrap();
            Firmware::of(&table["firmware"]).unwrap_err()
        };
        assert_eq!(refused("\">=11, <10\""), "no revision is in `>=11, <10`");
        assert_eq!(refused("\">11, <11\""), "no revision is in `>11, <11`");
        assert!(refused("\">=\"").starts_with("`>=` is no range"));
        assert!(refused("\">=1, 2\"").starts_with("`>=1, 2` is no range"));
        assert!(refused("[]").starts_with("no revision is in an empty list"));
        assert!(refused("\"\"").starts_with("every revision begins with nothing"));
        assert!(refused("10").starts_with("write a revision as a string"));
    }
}
