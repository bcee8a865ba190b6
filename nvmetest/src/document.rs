//! A TOML file that a person wrote, and where in it something is wrong.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;
use thiserror::Error;

/// A TOML file that a person wrote.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    name: String,
    text: String,
}

/// Something is wrong in a file, at a place that an editor finds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{file}:{line}:{column}: {what}")]
pub struct Mistake {
    /// The name of the file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// A sentence.
    pub what: String,
}

impl Document {
    /// Takes `text` for that of the file `name`.
    pub(crate) fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// Reads a file.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        Ok(Self::new(path.display().to_string(), fs::read_to_string(path)?))
    }

    /// Returns the text of the file.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Reads it as a `T`.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Mistake> {
        toml::from_str(&self.text).map_err(|error| {
            let what = error.message().trim().replace('\n', " ");
            self.mistake(error.span().unwrap_or_default(), what)
        })
    }

    /// Says what is wrong with the bytes in `span`.
    pub(crate) fn mistake(&self, span: Range<usize>, what: impl Into<String>) -> Mistake {
        let before = self.text.get(..span.start).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let begin = before.rfind('\n').map_or(0, |end| end + 1);
        let column = before[begin..].chars().count() + 1;
        Mistake { file: self.name.clone(), line, column, what: what.into() }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct One {
        #[expect(dead_code, reason = "only whether it is read is of interest")]
        one: u8,
    }

    fn mistake(text: &str) -> String {
        Document::new("a.toml", text).parse::<One>().unwrap_err().to_string()
    }

    #[test]
    fn a_mistake_is_found_by_file_line_and_column() {
        assert_eq!(
            mistake("# ä\none = 1\n  two = 2\n"),
            "a.toml:3:3: unknown field `two`, expected `one`"
        );
        assert!(mistake("one = 256").starts_with("a.toml:1:7: invalid value"));
        assert!(mistake("one = \"ä\" x").starts_with("a.toml:1:"), "{}", mistake("one = \"ä\" x"));
        assert!(mistake("").starts_with("a.toml:1:1: missing field `one`"), "{}", mistake(""));
    }

    #[test]
    fn a_column_counts_characters_and_not_bytes() {
        let document = Document::new("a.toml", "ää x");
        assert_eq!(document.mistake(5..6, "no").to_string(), "a.toml:1:4: no");
        assert_eq!(document.mistake(99..100, "no").line, 1, "a place behind the end is the end");
    }
}
