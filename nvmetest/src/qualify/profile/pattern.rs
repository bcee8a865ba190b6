//! Patterns for the names of tests.

use std::fmt;

use serde::Deserialize;

/// A pattern for the names of tests, in which `*` is any text.
///
/// Without a `*` it is a test, or all below a path: `flush` is every test of that area, and `flush::a` every case of that
/// function.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Pattern(String);

impl Pattern {
    pub(crate) fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    pub(crate) fn is_wild(&self) -> bool {
        self.0.contains('*')
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        if !self.is_wild() {
            let below = name.strip_prefix(&self.0);
            return below.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        }
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
            return false;
        };
        let mut parts: Vec<&str> = parts.collect();
        let last = parts.pop().unwrap_or_default();
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_test_or_a_path_or_has_stars() {
        for (pattern, name, matches) in [
            ("a", "a", true),
            ("a", "a::b", true),
            ("a::b", "a::b::case", true),
            ("a", "ab", false),
            ("a::b", "a", false),
            ("*", "a::b", true),
            ("*b", "a::b", true),
            ("*b", "a::bc", false),
            ("a::*", "a::b", true),
            ("a::*", "a", false),
            ("*x*y*", "axbyc", true),
            ("*x*y*", "aybxc", false),
            ("ab*ba", "aba", false),
            ("a*a", "a", false),
            ("", "a", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(name), matches, "{pattern} on {name}");
        }
    }
}
