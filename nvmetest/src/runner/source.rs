//! The text of a test, for evidence that is read where no sources are.

use std::fmt::Write;

use super::registry::TESTS;
use super::registry::TestCase;

/// Returns the lines of the function that is `test`, each with its number. Those that `message` names have a mark.
pub(super) fn listing(test: &str, message: &str) -> Option<String> {
    let test = test.split_once('@').map_or(test, |(test, _device)| test);
    let is = |function: &&TestCase| {
        let rest = test.strip_prefix(&*function.path());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    // Of a function and a module of the same name the longer path is meant.
    let function = TESTS.iter().filter(is).max_by_key(|function| function.path().len())?;
    numbered(function, message)
}

fn numbered(function: &TestCase, message: &str) -> Option<String> {
    let (first, text) = function.source?;
    let mut listing = format!("{}\n", function.file);
    for (line, number) in text.lines().zip(first..) {
        let mark = if names(message, function.file, number) { '>' } else { ' ' };
        let _ = writeln!(listing, "{}", format!("{mark}{number:>5} | {line}").trim_end());
    }
    Some(listing)
}

/// Whether `message` has `file:line`, and not only the beginning of a greater number.
fn names(message: &str, file: &str, line: u32) -> bool {
    let place = format!("{file}:{line}");
    let ends =
        |(start, _)| !message[start + place.len()..].starts_with(|c: char| c.is_ascii_digit());
    message.match_indices(&place).any(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_the_message_names_has_a_mark() {
        let function = TestCase {
            module: "suite::flush",
            name: "a_flush",
            file: "suites/src/flush.rs",
            line: 7,
            source: Some((9, "fn a_flush(q: &Qpair) {\n    one();\n    two();\n}")),
            spec: None,
            ignore: None,
            timeout: None,
            requires: &[],
            cases: &[],
        };
        let listing =
            numbered(&function, "at suites/src/flush.rs:11, and suites/src/flush.rs:100").unwrap();
        let expected = "suites/src/flush.rs\n     9 | fn a_flush(q: &Qpair) {\n    10 |     one();\n\
                        >   11 |     two();\n    12 | }\n";
        assert_eq!(listing, expected);
    }

    #[test]
    fn a_test_that_is_not_linked_in_has_no_text() {
        assert_eq!(listing("flush::a_flush", ""), None);
    }
}
