//! JUnit XML is read by another reader of XML than its writer's.

use nvmetest::results::Mode;
use nvmetest::results::Outcome;
use nvmetest::runner::Verdict;
use proptest::prelude::*;
use roxmltree::Document;
use roxmltree::Node;

use super::results;
use super::synthetic;

fn case<'a, 'i>(document: &'a Document<'i>, outcome: &Outcome<'_>) -> Node<'a, 'i> {
    let name = &*outcome.planned.test;
    let mut all = document.descendants().filter(|it| it.has_tag_name("testcase"));
    all.find(|it| it.attribute("name") == Some(name)).unwrap()
}

fn child<'a, 'i>(node: Node<'a, 'i>, tag: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|it| it.has_tag_name(tag))
}

fn property<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let mut all = child(node, "properties")?.children();
    all.find(|it| it.attribute("name") == Some(name))?.attribute("value")
}

#[test]
fn each_verdict_is_an_element_of_its_kind() {
    let results = results(synthetic::lines(400, 2, Mode::Ci));
    let text = results.junit();
    let document = Document::parse(&text).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for outcome in results.outcomes() {
        seen.insert(outcome.verdict);
        let case = case(&document, &outcome);
        assert_eq!(case.attribute("classname"), Some(&*outcome.planned.area));
        assert_eq!(property(case, "clause"), outcome.planned.clause.as_deref());
        let suite = case.parent().unwrap().attribute("name").unwrap();
        assert!(suite.starts_with(&*outcome.planned.area), "{suite}");
        let expected = match outcome.verdict {
            Verdict::Pass => None,
            Verdict::Flake => Some("flakyFailure"),
            Verdict::NotApplicable | Verdict::Skipped | Verdict::ExpectedFail => Some("skipped"),
            Verdict::Crash | Verdict::DutLost | Verdict::Blocked | Verdict::Missing => {
                Some("error")
            }
            _ => Some("failure"),
        };
        for tag in ["flakyFailure", "skipped", "error", "failure"] {
            assert_eq!(child(case, tag).is_some(), expected == Some(tag), "{tag}: {outcome:?}");
        }
        if outcome.verdict == Verdict::ExpectedFail {
            let message = child(case, "skipped").unwrap().attribute("message").unwrap();
            assert!(message.starts_with("the status is Invalid Field"), "{message}");
            assert!(
                property(case, "waiver")
                    .is_some_and(|waiver| waiver.starts_with("Fail: the status"))
            );
        }
        if outcome.verdict != Verdict::Missing {
            assert_eq!(
                property(case, "serial"),
                Some(&*format!("S7X0NE00{:06}", outcome.device.unwrap()))
            );
        }
    }
    assert_eq!(seen.len(), 12, "a run that never was has each verdict: {seen:?}");
    let root = document.root_element();
    let count = |tag| document.descendants().filter(|it| it.has_tag_name(tag)).count().to_string();
    assert_eq!(root.attribute("tests"), Some("400"));
    assert_eq!(root.attribute("errors"), Some(&*count("error")));
    assert_eq!(root.attribute("failures"), Some(&*count("failure")));
}

#[test]
fn a_flake_is_a_failure_where_nothing_is_run_again_on_purpose() {
    let results = results(synthetic::lines(100, 1, Mode::Certify));
    let text = results.junit();
    let document = Document::parse(&text).unwrap();
    let outcomes = results.outcomes();
    let flake = outcomes.iter().find(|it| it.verdict == Verdict::Flake).unwrap();
    let case = case(&document, flake);
    assert_eq!(child(case, "failure").unwrap().attribute("type"), Some("Flake"));
    assert!(child(case, "rerunFailure").is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_said_stays_text(text in "(<|>|&|\"|'|]]>|\\PC|\\u{0}|\\u{1b}|\\n|</failure>){0,20}") {
        let mut results = results(synthetic::lines(8, 1, Mode::Ci));
        results.planned[5].test = format!("x{text}");
        results.attempts[5].test = format!("x{text}");
        results.attempts[5].message = text.clone();
        let device = results.devices.get_mut(&0).unwrap();
        (device.model, device.uri) = (text.clone(), text.clone());
        results.runs[0].host = text;
        let xml = results.junit();
        let document = Document::parse(&xml).map_err(|error| TestCaseError::fail(format!("{error}: {xml}")))?;
        let cases = document.descendants().filter(|it| it.has_tag_name("testcase"));
        prop_assert_eq!(cases.count(), 8);
        let failures: Vec<_> = document.descendants().filter(|it| it.has_tag_name("failure")).collect();
        prop_assert_eq!(failures.len(), 1);
    }
}
