//! Bringing a baseline up to date.

mod edit;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use toml_edit::ArrayOfTables;
use toml_edit::DocumentMut;
use toml_edit::Item;
use toml_edit::Table;

use self::edit::remove;
use self::edit::replaced;
use self::edit::table;
use self::edit::tables;
use crate::document::Document;
use crate::document::Mistake;
use crate::results::Device;
use crate::results::Outcome;
use crate::results::Results;
use crate::runner::Verdict;
use crate::runner::baseline::Entry;
use crate::runner::baseline::File;
use crate::runner::baseline::Scope;
use crate::runner::baseline::contradictions;

/// A baseline as the results want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rewritten {
    /// The file.
    pub(super) text: String,
    /// What changed, a sentence each.
    pub(super) changes: Vec<String>,
    /// What only a person can decide, a sentence each.
    pub(super) by_hand: Vec<String>,
}

/// What became of a test on a device.
struct Seen<'r> {
    device: &'r Device,
    outcome: Outcome<'r>,
    /// What all attempts found; none, if they differ.
    found: Option<Verdict>,
}

/// Returns `document` as `results` want it: without entries for what passes, and with new ones for what fails.
///
/// # Errors
///
/// Fails if the document is no baseline.
pub(super) fn rewrite(document: &Document, results: &Results) -> Result<Rewritten, Mistake> {
    // Which tests exist is not in the results, which may be of a part of them.
    let file = File::parse(document, |_| true)?;
    contradictions(std::slice::from_ref(&file))?;
    let mut edited: DocumentMut =
        document.text().parse().map_err(|error: toml_edit::TomlError| {
            document.mistake(error.span().unwrap_or_default(), error.message())
        })?;
    let mut rewritten = Rewritten { text: String::new(), changes: Vec::new(), by_hand: Vec::new() };

    let mut seen: BTreeMap<&str, Vec<Seen<'_>>> = BTreeMap::new();
    for outcome in results.outcomes() {
        let device = outcome.device.and_then(|device| results.devices.get(&device));
        let Some(device) = device.filter(|device| is_for(&file.scope, device)) else { continue };
        let Some(first) = outcome.attempts.first() else { continue };
        let same = outcome.attempts.iter().all(|attempt| attempt.found == first.found);
        let found = same.then_some(first.found);
        let test = &*outcome.planned.test;
        seen.entry(test).or_default().push(Seen { device, outcome, found });
    }

    let mut deleted = BTreeSet::new();
    for (place, entry) in file.entries.iter().enumerate() {
        let all = seen.get(&*entry.test).into_iter().flatten();
        let here: Vec<&Seen<'_>> = all.filter(|seen| is_for(&entry.scope, seen.device)).collect();
        let Some(tables) = tables(&mut edited) else { break };
        let Some(table) = tables.get_mut(place) else { break };
        if judge(entry, &here, table, &mut rewritten) {
            deleted.insert(place);
        }
    }
    for &place in deleted.iter().rev() {
        remove(&mut edited, place);
    }
    for (test, seen) in &seen {
        let knows = |device: &Device| {
            file.entries.iter().any(|entry| entry.test == *test && is_for(&entry.scope, device))
        };
        let elsewhere = file.entries.iter().any(|entry| entry.test == *test);
        let fails = |seen: &&Seen<'_>| seen.found.is_some_and(Verdict::is_failure);
        let Some(new) = seen.iter().filter(fails).find(|seen| !knows(seen.device)) else {
            continue;
        };
        let table = table(test, new, elsewhere);
        let verdict = new.found.unwrap_or(Verdict::Fail);
        rewritten
            .changes
            .push(format!("added: `{test}` is {verdict}, and nobody has explained why"));
        let item = edited.entry("expected").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
        if let Some(tables) = item.as_array_of_tables_mut() {
            tables.push(table);
        }
    }
    rewritten.text = edited.to_string();
    Ok(rewritten)
}

fn is_for(scope: &Scope, device: &Device) -> bool {
    scope.is_for(&device.uri, &device.model, &device.firmware)
}

/// Changes an entry as the results want it. Returns whether it is to be deleted.
fn judge(entry: &Entry, here: &[&Seen<'_>], table: &mut Table, rewritten: &mut Rewritten) -> bool {
    let (test, expected) = (&entry.test, entry.waiver.verdict);
    // What did not get so far as to fail says nothing of the failure.
    let told: BTreeSet<Option<Verdict>> = here
        .iter()
        .map(|seen| seen.found)
        .filter(|found| found.is_none_or(|it| it == Verdict::Pass || it.is_failure()))
        .collect();
    let [found] = Vec::from_iter(told)[..] else {
        if here.iter().any(|seen| seen.found != Some(expected)) && 1 < here.len() {
            rewritten
                .by_hand
                .push(format!("`{test}` fails on some of the drives that its entry is for"));
        }
        return false;
    };
    match found {
        None => {
            let attempts = here.iter().flat_map(|seen| &seen.outcome.attempts);
            let found: BTreeSet<String> = attempts.map(|it| it.found.to_string()).collect();
            let found = Vec::from_iter(found).join(" and ");
            rewritten.by_hand.push(format!("`{test}` comes and goes: it was {found}"));
            false
        }
        Some(found) if found == expected => false,
        Some(Verdict::Pass) => passes(entry, here, table, rewritten),
        Some(found) => {
            table["verdict"] = replaced(&table["verdict"], found.to_string());
            rewritten.changes.push(format!("changed: `{test}` is {found}, and was {expected}"));
            false
        }
    }
}

/// An entry for a failure that is gone: all of it goes, or the firmware revisions on which it is gone.
fn passes(entry: &Entry, here: &[&Seen<'_>], table: &mut Table, rewritten: &mut Rewritten) -> bool {
    let test = &entry.test;
    let Some(firmware) = &entry.scope.firmware else {
        rewritten.changes.push(format!("deleted: `{test}` passes"));
        return true;
    };
    let is_gone = |place: usize| {
        here.iter().any(|seen| firmware.0[place].is_prefix_of(&seen.device.firmware))
    };
    let gone: Vec<usize> = (0..firmware.0.len()).filter(|&place| is_gone(place)).collect();
    if gone.is_empty() {
        let revision = here.first().map(|seen| &*seen.device.firmware).unwrap_or_default();
        rewritten.by_hand.push(format!(
            "`{test}` passes on firmware {revision}, which is in the range of its entry: narrow the range, or delete the entry"
        ));
        return false;
    }
    if gone.len() == firmware.0.len() {
        rewritten.changes.push(format!("deleted: `{test}` passes"));
        return true;
    }
    if let Some(list) = table.get_mut("firmware").and_then(Item::as_array_mut) {
        for &place in gone.iter().rev() {
            list.remove(place);
        }
        rewritten
            .changes
            .push(format!("changed: `{test}` passes on some of its firmware revisions"));
    }
    false
}
