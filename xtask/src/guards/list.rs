//! The list of the guards.

use std::fs;

use anyhow::Context;
use anyhow::ensure;
use serde::Deserialize;

use crate::suites::root;

/// Where the list is.
const LIST: &str = "xtask/guards.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    guard: Vec<Guard>,
}

/// Some lines that a guarantee rests on, and the test that fails without them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    pub name: String,
    /// What no longer holds without it.
    pub promise: String,
    pub file: String,
    /// The lines as they stand there, without regard to indentation; they stand there once.
    pub lines: String,
    /// What stands there instead.
    #[serde(default)]
    pub instead: String,
    /// The test target of `nvmetest`; `lib` has the library's own tests.
    pub target: String,
    pub test: String,
    /// What to run of a test that runs many things: a case of the compile-fail suite.
    pub case: Option<String>,
}

/// Reads the list.
pub fn read() -> anyhow::Result<Vec<Guard>> {
    let text = fs::read_to_string(root().join(LIST)).with_context(|| format!("no {LIST}"))?;
    let list: List = toml::from_str(&text).with_context(|| format!("{LIST} is no list"))?;
    Ok(list.guard)
}

/// The table that CONTRIBUTING.md shows.
pub fn table(guards: &[Guard]) -> String {
    let mut table = String::from("| guard | promise | where | the test that fails without it |\n");
    table.push_str("| --- | --- | --- | --- |\n");
    for Guard { name, promise, file, target, test, case, .. } in guards {
        let case = case.as_ref().map(|case| format!(" ({case})")).unwrap_or_default();
        let line = format!("| {name} | {promise} | `{file}` | `{target}`: `{test}`{case} |\n");
        table.push_str(&line);
    }
    table
}

impl Guard {
    /// Returns `text`, the content of the file, without the guard.
    pub fn removed_from(&self, text: &str) -> anyhow::Result<String> {
        let wanted: Vec<&str> = self.lines.trim().lines().map(str::trim).collect();
        let lines: Vec<&str> = text.lines().collect();
        let is_here = |at: &usize| {
            let here = lines[*at..].iter().map(|line| line.trim());
            wanted.iter().copied().eq(here.take(wanted.len()))
        };
        let places: Vec<usize> = (0..lines.len()).filter(is_here).collect();
        ensure!(
            places.len() == 1,
            "the lines of the guard `{}` stand {} times in {}, and not once: correct {LIST}",
            self.name,
            places.len(),
            self.file,
        );
        let (before, rest) = lines.split_at(places[0]);
        let after = &rest[wanted.len()..];
        let instead = self.instead.trim().lines();
        let all = before.iter().copied().chain(instead).chain(after.iter().copied());
        Ok(all.flat_map(|line| [line, "\n"]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A guard that was moved or rewritten is noticed at once, and not when somebody runs them all.
    #[test]
    fn every_guard_is_where_the_list_says() {
        for guard in read().unwrap() {
            let text = fs::read_to_string(root().join(&guard.file)).unwrap();
            assert_ne!(guard.removed_from(&text).unwrap(), text, "{}", guard.name);
        }
    }

    #[test]
    fn contributing_shows_the_list() {
        let page = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
        let table = table(&read().unwrap());
        assert!(
            page.contains(&table),
            "CONTRIBUTING.md does not show the table of `cargo xtask guards --list`:\n{table}"
        );
    }

    #[test]
    fn lines_are_replaced_where_they_stand_once() {
        let guard = |lines: &str| Guard {
            name: "it".to_owned(),
            promise: String::new(),
            file: "lib.rs".to_owned(),
            lines: lines.to_owned(),
            instead: "c();".to_owned(),
            target: String::new(),
            test: String::new(),
            case: None,
        };
        let text = "fn f() {\n    a();\n    b();\n}\nfn g() { a(); }\n";
        let removed = guard("a();\nb();").removed_from(text).unwrap();
        assert_eq!(removed, "fn f() {\nc();\n}\nfn g() { a(); }\n");
        assert!(guard("b();\na();").removed_from(text).is_err());
        assert!(guard("a();").removed_from("a();\na();\n").is_err());
    }
}
