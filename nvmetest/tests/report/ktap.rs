//! KTAP is read by its own rules.

use nvmetest::results::Mode;
use nvmetest::runner::Verdict;

use super::results;
use super::synthetic;

/// Reads the numbers of the plan and of the lines with a result.
fn read(text: &str) -> (usize, Vec<usize>) {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("KTAP version 1"));
    let plan = lines.next().unwrap().strip_prefix("1..").unwrap().parse().unwrap();
    let number = |line: &str| {
        if line.starts_with('#') {
            return None;
        }
        let rest = line.strip_prefix("ok ").or_else(|| line.strip_prefix("not ok "));
        let rest = rest.unwrap_or_else(|| panic!("{line:?} is neither a result nor a comment"));
        Some(rest.split(' ').next().unwrap().parse().unwrap())
    };
    (plan, lines.filter_map(number).collect())
}

#[test]
fn a_missing_test_is_a_gap_in_the_numbers_of_the_plan() {
    let results = results(synthetic::lines(200, 1, Mode::Ci));
    let (plan, numbers) = read(&results.ktap());
    assert_eq!(plan, 200);
    let missing: Vec<_> = (1..=plan).filter(|number| !numbers.contains(number)).collect();
    let planned = (0..200).filter(|&index| synthetic::verdict(index) == Verdict::Missing);
    let planned: Vec<_> = planned.map(|index| index + 1).collect();
    assert!(!planned.is_empty());
    assert_eq!(missing, planned);
}

#[test]
fn each_verdict_is_told_by_its_directive() {
    let results = results(synthetic::lines(200, 1, Mode::Ci));
    let text = results.ktap();
    for outcome in results.outcomes() {
        let name = &outcome.planned.test;
        let line = text.lines().find(|line| line.split(' ').any(|word| word == name)).unwrap();
        let (start, directive) = match outcome.verdict {
            Verdict::Pass => ("ok ", ""),
            Verdict::Flake => ("ok ", "# Flake in 2 attempts"),
            Verdict::NotApplicable | Verdict::Skipped => ("ok ", "# SKIP "),
            Verdict::ExpectedFail => ("ok ", "# XFAIL the status is Invalid Field"),
            Verdict::Timeout => ("not ok ", "# TIMEOUT"),
            Verdict::Crash => ("not ok ", "# ERROR Crash"),
            Verdict::DutLost => ("not ok ", "# ERROR DutLost"),
            Verdict::Blocked => ("not ok ", "# ERROR Blocked"),
            Verdict::Missing => ("# missing: ", ""),
            _ => ("not ok ", ""),
        };
        assert!(line.starts_with(start) && line.contains(directive), "{line}");
    }
}

#[test]
fn a_name_or_a_message_makes_no_line_of_its_own() {
    let mut results = results(synthetic::lines(8, 1, Mode::Ci));
    results.planned[5].test = "a#b\nok 3 c".into();
    results.attempts[5].test = "a#b\nok 3 c".into();
    results.attempts[5].message = "first\nok 2 second\rnot ok 4\u{1b}[2J".into();
    let text = results.ktap();
    assert_eq!(read(&text).1, [1, 2, 3, 4, 5, 6, 7, 8], "{text}");
    assert!(text.contains("\nnot ok 6 a_b ok 3 c"), "{text}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
}
