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
