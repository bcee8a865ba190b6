//! Bringing a baseline up to date.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use toml_edit::ArrayOfTables;
use toml_edit::DocumentMut;
use toml_edit::Item;
use toml_edit::Table;
use toml_edit::value;

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

/// A reason is a line; what a test says of its failure may be pages.
const LONGEST_REASON: usize = 200;

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

fn tables(edited: &mut DocumentMut) -> Option<&mut ArrayOfTables> {
    edited.get_mut("expected")?.as_array_of_tables_mut()
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

/// Returns a new value that keeps what stands around the old one, such as a comment behind it.
fn replaced(old: &Item, text: String) -> Item {
    let mut new = value(text);
    if let (Some(new), Some(old)) = (new.as_value_mut(), old.as_value()) {
        *new.decor_mut() = old.decor().clone();
    }
    new
}

/// An entry for a failure that is new.
fn table(test: &str, seen: &Seen<'_>, elsewhere: bool) -> Table {
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
fn remove(edited: &mut DocumentMut, place: usize) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const BASELINE: &str = r#"# What is known of this model.
model = "ACME"

# About all that follows.

# Only the first block.
[[expected]]
test = "compare::a"
verdict = "Fail"  # since ever
clause = "NVM 3.3.1"
reason = "only the first block is compared"

[[expected]]
test = "flush::b"
verdict = "Fail"
firmware = ["1.", "2."]
clause = "Base 7.2"
reason = "nothing is flushed"
link = "BUG-7"

# The end.
"#;

    /// Rewrites the baseline by attempts of a test, firmware and verdicts.
    fn update(baseline: &str, firmware: &str, outcomes: &[(&str, &[&str])]) -> Rewritten {
        let mut lines = vec![
            r#"{"kind":"run","schema":1,"id":"r","tool":"0","suite":{"name":"nvme","tests":2,"hash":"0"},"profile":"p","mode":"ci","seed":1,"host":"h","command":[],"started_ms":0}"#.to_owned(),
            format!(r#"{{"kind":"device","device":0,"uri":"soft:","model":"ACME 1","serial":"s","firmware":"{firmware}","version":"2.1.0","opened_ms":0}}"#),
        ];
        for (test, found) in outcomes {
            lines.push(format!(r#"{{"kind":"test","device":0,"test":"{test}","area":"a","clause":"Base 9","file":"f","line":1}}"#));
            for (number, found) in (1..).zip(*found) {
                lines.push(format!(
                    r#"{{"kind":"attempt","device":0,"test":"{test}","attempt":{number},"verdict":"{found}","found":"{found}","message":"it is \"wrong\"\nmore","started_ms":0,"took_us":1}}"#
                ));
            }
        }
        let results = Results::parse(&lines.join("\n")).unwrap();
        rewrite(&Document::new("b.toml", baseline), &results).unwrap()
    }

    #[test]
    fn what_is_as_expected_stays_to_the_byte() {
        let same = update(
            BASELINE,
            "1.5",
            &[("compare::a", &["Fail"]), ("flush::b", &["NotApplicable"]), ("other::c", &["Pass"])],
        );
        assert_eq!(same.text, BASELINE);
        assert_eq!((same.changes.len(), same.by_hand.len()), (0, 0));
    }

    #[test]
    fn what_passes_is_deleted_and_comments_about_more_stay() {
        let gone = update(BASELINE, "1.5", &[("compare::a", &["Pass"])]);
        assert_eq!(gone.changes, ["deleted: `compare::a` passes"]);
        assert!(!gone.text.contains("compare::a") && !gone.text.contains("Only the first block."));
        for kept in [
            "# What is known of this model.",
            "# About all that follows.",
            "# The end.",
            "link = \"BUG-7\"",
        ] {
            assert!(gone.text.contains(kept), "{}", gone.text);
        }
        File::parse(&Document::new("b.toml", &*gone.text), |_| true).unwrap();
    }

    #[test]
    fn an_entry_for_several_revisions_loses_those_on_which_it_passes() {
        let narrowed = update(BASELINE, "2.5", &[("flush::b", &["Pass", "Pass"])]);
        assert!(narrowed.text.contains("firmware = [\"1.\"]"), "{}", narrowed.text);
        assert!(narrowed.text.contains("nothing is flushed"));
        let range = BASELINE.replace("[\"1.\", \"2.\"]", "\">=1, <3\"");
        let by_hand = update(&range, "2.5", &[("flush::b", &["Pass"])]);
        assert_eq!(by_hand.text, range);
        assert!(by_hand.by_hand[0].contains("narrow the range"), "{:?}", by_hand.by_hand);
    }

    #[test]
    fn what_fails_in_another_way_keeps_all_else() {
        let changed = update(BASELINE, "1.5", &[("compare::a", &["Timeout"])]);
        assert_eq!(changed.text, BASELINE.replacen("\"Fail\"", "\"Timeout\"", 1));
        assert_eq!(changed.changes, ["changed: `compare::a` is Timeout, and was Fail"]);
    }

    #[test]
    fn what_is_new_is_added_without_an_invented_reason() {
        let added = update(BASELINE, "3.0", &[("new::d", &["Fail"]), ("flush::b", &["DutLost"])]);
        let file = File::parse(&Document::new("b.toml", &*added.text), |_| true).unwrap();
        contradictions(std::slice::from_ref(&file)).unwrap();
        let new: Vec<_> = file.entries[2..].iter().collect();
        assert_eq!((&*new[0].test, new[0].waiver.verdict), ("flush::b", Verdict::DutLost));
        assert!(new[0].scope.firmware.is_some(), "another entry has other revisions");
        assert_eq!((&*new[1].test, &*new[1].waiver.clause), ("new::d", "Base 9"));
        assert_eq!(new[1].waiver.reason, "it is \"wrong\"");
        assert!(new.iter().all(|entry| entry.unexplained));
        assert!(added.text.contains("# The end."));

        let first = update("", "3.0", &[("new::d", &["Fail"])]);
        assert_eq!(
            File::parse(&Document::new("b.toml", first.text), |_| true).unwrap().entries.len(),
            1
        );
    }

    #[test]
    fn what_comes_and_goes_is_for_a_person() {
        let flake = update(
            BASELINE,
            "1.5",
            &[("compare::a", &["Fail", "Pass"]), ("new::d", &["Pass", "Fail"])],
        );
        assert_eq!(flake.text, BASELINE);
        assert_eq!(flake.by_hand, ["`compare::a` comes and goes: it was Fail and Pass"]);
    }

    #[test]
    fn results_of_another_model_change_nothing() {
        let other = BASELINE.replace("\"ACME\"", "\"OTHER\"");
        assert_eq!(update(&other, "1.5", &[("compare::a", &["Pass"])]).text, other);
    }
}
