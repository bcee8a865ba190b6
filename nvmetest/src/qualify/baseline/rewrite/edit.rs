//! Changes of the file that leave alone what a person wrote around them.

use toml_edit::ArrayOfTables;
use toml_edit::DocumentMut;
use toml_edit::Item;
use toml_edit::Table;
use toml_edit::value;

use super::Seen;
use crate::runner::Verdict;

/// A reason is a line; what a test says of its failure may be pages.
const LONGEST_REASON: usize = 200;

/// The entries.
pub(super) fn tables(edited: &mut DocumentMut) -> Option<&mut ArrayOfTables> {
    edited.get_mut("expected")?.as_array_of_tables_mut()
}

/// Returns a new value that keeps what stands around the old one, such as a comment behind it.
pub(super) fn replaced(old: &Item, text: String) -> Item {
    let mut new = value(text);
    if let (Some(new), Some(old)) = (new.as_value_mut(), old.as_value()) {
        *new.decor_mut() = old.decor().clone();
    }
    new
}

/// An entry for a failure that is new.
pub(super) fn table(test: &str, seen: &Seen<'_>, elsewhere: bool) -> Table {
    let verdict = seen.found.unwrap_or(Verdict::Fail);
    let message = seen.outcome.attempts.first().map(|attempt| &*attempt.message);
    let reason: String = message
        .and_then(|it| it.lines().next())
        .unwrap_or_default()
        .chars()
        .take(LONGEST_REASON)
        .collect();
    let mut table = Table::new();
    table.decor_mut().set_prefix("\n");
    table["test"] = value(test);
    table["verdict"] = value(verdict.to_string());
    if elsewhere {
        // Another entry is for other revisions; which ones share the failure, a person may say.
        table["firmware"] = value(toml_edit::Array::from_iter([&*seen.device.firmware]));
    }
    table["clause"] =
        value(seen.outcome.planned.clause.as_deref().unwrap_or("the test names none"));
    table["reason"] =
        value(if reason.is_empty() { "the test said nothing".to_owned() } else { reason });
    table["unexplained"] = value(true);
    table
}

/// Deletes an entry with the comment that is its own. A comment that a blank line separates from it is about more, and stays.
pub(super) fn remove(edited: &mut DocumentMut, place: usize) {
    let Some(tables) = tables(edited) else { return };
    let Some(table) = tables.get(place) else { return };
    let prefix = table.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
    let kept = prefix.rsplit_once("\n\n").map(|(kept, _)| kept.to_owned());
    let kept = kept.filter(|kept| kept.contains('#'));
    tables.remove(place);
    let Some(kept) = kept else { return };
    match tables.get_mut(place) {
        Some(next) => {
            let own = next.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or("\n");
            let own = own.trim_start_matches('\n');
            let prefix = format!("{kept}\n\n{own}");
            next.decor_mut().set_prefix(prefix);
        }
        None => {
            let trailing = edited.trailing().as_str().unwrap_or_default();
            let trailing = format!("{kept}\n{trailing}");
            edited.set_trailing(trailing);
        }
    }
}
