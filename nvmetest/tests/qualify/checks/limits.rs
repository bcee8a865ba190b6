//! What a profile allows, and what commands and workers did.

use std::fs;

use libtest_mimic::Failed;
use nvmetest::runner::Verdict;

use super::Bench;

pub fn a_command_beyond_its_limit_fails_its_test_and_is_shown() -> Result<(), Failed> {
    let bench = Bench::new()?;
    // No controller answers in a nanosecond, and each answers in an hour.
    let profile = bench.file(
        "strict.toml",
        r#"
title = "no time for Keep Alive"
mode = "certify"
[[limits.latency]]
commands = ["keep_alive"]
at = "max"
most = "1ns"
source = "our promise"
[[limits.latency]]
commands = ["keep_alive"]
at = "p50"
most = "1h"
"#,
    )?;
    let tests = ["commands::keeps_alive", "outcomes::passes", "--device", "soft:size=1MiB"];
    let ran = bench.run(&[&tests[..], &["--profile", &profile]].concat())?.ends_with(1);
    assert_eq!(ran.verdict("outcomes::passes"), Verdict::Pass);
    assert_eq!(ran.verdict("commands::keeps_alive"), Verdict::Fail);
    let results = ran.results();
    let attempt = results.attempts.iter().find(|it| it.test == "commands::keeps_alive");
    let attempt = attempt.expect("it ran");
    let times = attempt.commands.iter().find(|it| it.command == "Keep Alive");
    let times = times.expect("its command has a time");
    assert_eq!((times.admin, times.count, times.pending), (true, 3, 0));
    let longest = times.at(100.0).expect("there is a longest");
    assert_eq!(times.limits, [(100.0, 1), (50.0, 3_600_000_000_000)]);
    let sentence =
        format!("keep_alive.max is {longest} ns, and may be 1 ns (our promise); it was Keep Alive");
    assert!(attempt.message.starts_with(&sentence), "{}", attempt.message);
    assert!(attempt.message.contains("commands.rs:"), "the line that sent it: {}", attempt.message);

    // The evidence is the commands, and the slow one is marked.
    let evidence = ran.out.join(attempt.evidence.as_ref().expect("there is evidence"));
    let log = fs::read_to_string(evidence.join("cmdlog.txt"))?;
    let marked = |line: &&str| line.starts_with(">>>") && line.contains("Keep Alive");
    assert_eq!(log.lines().filter(marked).count(), 1, "{log}");
    let page = fs::read_to_string(ran.out.join("report.html"))?;
    assert!(page.contains("keep_alive.max is"), "the finding says it");
    assert!(page.contains("Commands over time"), "and shows it");
    let ends_with_the_command = ran.stdout().contains(&sentence);
    assert!(ends_with_the_command, "{}", ran.stdout());
    Ok(())
}

pub fn a_rate_below_its_limit_fails_its_test() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let profile = |least: &str| {
        let text = format!(
            "title = \"fast\"\nmode = \"certify\"\n[[limits.figure]]\nname = \"iops\"\ntests = [\"workers\"]\nleast = {least}\n\
             [[limits.latency]]\ncommands = [\"read\"]\nat = \"max\"\nmost = \"1h\"\n"
        );
        bench.file("fast.toml", &text)
    };
    let device = ["--device", "soft:size=1MiB"];
    let arguments = ["workers::", "outcomes::passes", "--profile"];
    let ran = bench.run(&[&arguments[..], &[&profile("1e12")?], &device].concat())?.ends_with(1);
    assert_eq!(ran.verdict("workers::a_worker_reads"), Verdict::Fail);
    assert_eq!(ran.verdict("outcomes::passes"), Verdict::Pass);
    let results = ran.results();
    let attempt =
        results.attempts.iter().find(|it| it.test.starts_with("workers")).expect("it ran");
    assert!(
        attempt.message.contains("and has to be 1000000000000 IOPS at the least"),
        "{}",
        attempt.message
    );
    let of = |name: &str| attempt.measured.iter().find(|it| it.name == name);
    assert!(of("iops").expect("it is measured").is_beyond());
    // What its workers saw is judged as well.
    let read = of("read.max").expect("it is measured");
    assert!(!read.is_beyond() && read.limit == Some(3.6e12), "{read:?}");

    let bench = Bench::new()?;
    let slow = bench.file("slow.toml", &fs::read_to_string(profile("1")?)?)?;
    bench.run(&[&arguments[..], &[&slow], &device].concat())?.ends_with(0);

    // What is limited and nobody measures is no pass.
    let bench = Bench::new()?;
    let ran =
        bench.run(&["outcomes::passes", "--profile", &slow, device[0], device[1]])?.ends_with(1);
    assert!(
        ran.stdout().contains("`iops` is limited, and no test measured it"),
        "{}",
        ran.stdout()
    );
    Ok(())
}
