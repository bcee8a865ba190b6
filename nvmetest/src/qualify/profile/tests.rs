use std::fs;

use super::*;
use crate::results::CommandTimes;
use crate::results::Line;

fn listed() -> Vec<Listed> {
    let test = |name: &str, ignored: Option<&str>| Listed {
        name: name.to_owned(),
        ignored: ignored.map(str::to_owned),
    };
    vec![
        test("flush::a", None),
        test("flush::slow", Some("takes an hour")),
        test("verify::b::one", None),
        test("verify::b::two", None),
    ]
}

/// Reads a file with this text, whose first lines are there.
fn load(rest: &str) -> Result<Profile, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let text = match rest.contains("mode =") {
        true => format!("title = \"t\"\n{rest}"),
        false => format!("title = \"t\"\nmode = \"ci\"\n{rest}"),
    };
    fs::write(&path, text).unwrap();
    let folder = format!("{}/", folder.path().display());
    Profile::load(path.to_str().unwrap(), &listed())
        .map_err(|error| error.to_string().replace(&folder, ""))
}

fn selected(profile: &Profile) -> String {
    let run = |test: &&Listed| profile.selects(test).is_ok();
    let names: Vec<_> = listed().iter().filter(run).map(|test| test.name.clone()).collect();
    names.join(" ")
}

fn attempt(line: &str) -> Attempt {
    match serde_json::from_str(line).unwrap() {
        Line::Attempt(attempt) => attempt,
        line => panic!("{line:?} is no attempt"),
    }
}

const PASSED: &str = r#"{"kind":"attempt","device":0,"test":"flush::a","attempt":1,"verdict":"Pass","found":"Pass","started_ms":0,"took_us":5,"workers":[
    {"name":"w","commands":9,"errors":0,"iops":1.0,"seconds":[],"step_s":1,"latency":[["Read",[[99.9,2000],[100.0,3000]]]]},
    {"name":"v","commands":9,"errors":0,"iops":1.0,"seconds":[],"step_s":1,"latency":[["Read",[[99.9,900],[100.0,9000]]]]}]}"#;

#[test]
fn areas_and_patterns_say_what_runs() {
    let all = load("").unwrap();
    assert_eq!(selected(&all), "flush::a verify::b::one verify::b::two");
    assert_eq!(all.selects(&listed()[1]), Err(Why::Ignored("takes an hour".to_owned())));
    assert_eq!((all.repeats, all.retries, all.seed), (1, 1, None));

    let some = load("[tests]\nareas = [\"flush\"]\ninclude = [\"*::two\"]").unwrap();
    assert_eq!(selected(&some), "flush::a verify::b::two");
    assert_eq!(some.selects(&listed()[2]), Err(Why::NotIncluded));

    let without = load("[tests]\nexclude = [\"verify::b\"]\nignored = [\"*hour\"]").unwrap();
    assert_eq!(selected(&without), "flush::a flush::slow");
    assert_eq!(without.selects(&listed()[2]), Err(Why::Excluded("verify::b".to_owned())));
    assert_eq!(without.areas(&listed()), ["flush"]);
}

#[test]
fn times_are_scaled() {
    let profile = load("[time]\ntimeout = \"10s\"\nscale = 1.5\nrepeats = 4").unwrap();
    assert_eq!(profile.timeout(None), Duration::from_secs(15));
    assert_eq!(profile.timeout(Some(Duration::from_secs(2))), Duration::from_secs(3));
    assert_eq!(profile.timeout(Some(Duration::MAX)), Duration::MAX);
    assert_eq!(profile.repeats, 4);
}

#[test]
fn a_mistake_is_refused_with_its_place() {
    for (text, sentence) in [
        ("[tests]\narea = []", "mine.toml:4:1: unknown field `area`, expected one of"),
        (
            "[tests]\nareas = [\"flash\"]",
            "4:10: there is no area `flash`; the areas are flush, verify",
        ),
        ("[tests]\nexclude = [\"verify\", \"x*\"]", "4:22: no test matches `x*`; delete it"),
        (
            "[tests]\nexclude = [\"verify\"]\n[required]\npass = [\"verify::b::one\"]",
            "6:9: `verify::b::one` has to pass and does not run: the profile excludes `verify`; delete one of the two",
        ),
        (
            "[required]\napplicable = [\"flush::slow\"]",
            "4:15: `flush::slow` has to be applicable and does not run: takes an hour; delete one of the two",
        ),
        (
            "mode = \"certify\"\n[unexpected]\nretries = 1",
            "4:11: a run that certifies does not run a test again",
        ),
        (
            "mode = \"certify\"\n[waivers]\nuse = [\"*\"]",
            "4:7: in a run that certifies no waiver counts",
        ),
        ("mode = \"strict\"", "2:8: unknown variant `strict`, expected `ci` or `certify`"),
        ("[time]\nscale = 0.0", "4:9: give a scale from 0.01 to 1000"),
        ("[time]\nrepeats = 0", "4:11: give a count from 1 to 1000000"),
        ("[time]\ntimeout = \"soon\"", "4:11: `soon` is no time"),
        (
            "[[limits.latency]]\ncommands = [\"read\"]\nat = \"p98\"\nmost = \"1s\"",
            "5:6: `p98` is not measured; what is measured is p1, p50, p90, p99, p99.9, p99.99, max",
        ),
        (
            "[[limits.latency]]\ncommands = [\"reed\"]\nat = \"max\"\nmost = \"1s\"",
            "4:13: there is no command `reed`",
        ),
        (
            "[[limits.latency]]\ncommands = [\"Read\", \"read\"]\nat = \"max\"\nmost = \"1s\"",
            "4:21: max of read is limited twice",
        ),
        (
            "[[limits.health]]\nfield = \"media\"\ngrows = 0",
            "4:9: `media` is no field of the SMART",
        ),
        ("[[limits.health]]\nfield = \"MDIE\"", "4:9: `MDIE` has no limit"),
        (
            "[[limits.health]]\nfield = \"AVSP\"\nmost = 1\nleast = 2",
            "4:9: nothing can be at most 1 and at least 2",
        ),
        (
            "[[limits.latency]]\ncommands = [\"asynchronous_event_request\"]\nat = \"max\"\nmost = \"1s\"",
            "4:13: an Asynchronous Event Request takes as long as nothing happens",
        ),
        ("[[limits.figure]]\nname = \"iops\"", "4:8: `iops` has no limit"),
        (
            "[[limits.figure]]\nname = \"iops\"\nleast = 2\nmost = 1",
            "4:8: nothing can be at most 1 and at least 2",
        ),
        (
            "[[limits.figure]]\nname = \"iops\"\nleast = 1\ntests = [\"x*\"]",
            "6:10: no test matches `x*`",
        ),
        (
            "[[limits.figure]]\nname = \"iops\"\nleast = nan",
            "4:8: the limit of `iops` is no number",
        ),
        (
            "[[limits.figure]]\nname = \"a\"\nleast = 1\n[[limits.figure]]\nname = \"a\"\nmost = 9",
            "7:8: `a` is limited twice",
        ),
        ("seed = -1", "3:8: invalid value"),
        ("[tests]\ninclude = []", "the profile `mine` selects none of the 4 tests of this program"),
        ("[tests", "3:7: "),
    ] {
        let error = load(text).unwrap_err();
        assert!(error.contains(sentence), "{text}\n{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let unknown = Profile::load("certified", &listed()).unwrap_err().to_string();
    assert_eq!(
        unknown,
        "there is no profile `certified`; give one of smoke, default, full, certify, endurance, datacenter, or the path of a file; `profile` lists them"
    );
    let gone = Profile::load("./gone.toml", &listed()).unwrap_err().to_string();
    assert!(gone.starts_with("the profile ./gone.toml cannot be read: "), "{gone}");
}

#[test]
fn a_waiver_counts_by_its_test_or_its_clause_and_never_when_certifying() {
    let waiver: Waiver =
        serde_json::from_str(r#"{"verdict":"Fail","clause":"NVM 3.3.1","reason":"r"}"#).unwrap();
    let honours = |text: &str| load(text).unwrap().honours("flush::a", &waiver);
    assert!(honours(""));
    assert!(!honours("[waivers]\nuse = []"));
    assert!(honours("[waivers]\nuse = [\"flush\"]"));
    assert!(honours("[waivers]\nuse = [\"NVM 3.3*\"]"));
    assert!(!honours("[waivers]\nuse = [\"NVM 3.4*\"]"));
    assert!(!honours("mode = \"certify\""));
}

#[test]
fn a_figure_beyond_its_limit_fails_a_test_that_passed() {
    let limit = |most: &str| {
        let text =
            "[[limits.latency]]\ncommands = [\"read\"]\nat = \"p99.9\"\nsource = \"promise\"";
        load(&format!("{text}\nmost = \"{most}\"")).unwrap()
    };
    let mut attempt = attempt(PASSED);
    limit("2us").judge(&mut attempt);
    assert_eq!((attempt.verdict, &*attempt.message), (Verdict::Pass, ""));
    let measured = &attempt.measured[0];
    assert_eq!(
        (&*measured.name, measured.value, measured.limit),
        ("read.p99.9", 2000.0, Some(2000.0))
    );

    limit("1.999us").judge(&mut attempt);
    assert_eq!((attempt.verdict, attempt.found), (Verdict::Fail, Verdict::Fail));
    assert_eq!(attempt.message, "read.p99.9 is 2000 ns, and may be 1999 ns (promise)");
    assert_eq!(attempt.measured.len(), 1, "a figure is there once");

    attempt.verdict = Verdict::ExpectedFail;
    limit("1us").judge(&mut attempt);
    assert_eq!(attempt.verdict, Verdict::ExpectedFail, "a waiver is not the limit's business");
}

#[test]
fn what_the_command_log_has_is_judged_beside_what_workers_counted() {
    let text = "[[limits.latency]]\ncommands = [\"read\", \"create_io_submission_queue\"]\nat = \"max\"\nmost = \"5us\"";
    let profile = load(text).unwrap();
    let times = |command: &str, longest: u64| CommandTimes {
        command: command.to_owned(),
        admin: command != "Read",
        count: 1,
        pending: 0,
        latency: vec![(100.0, longest)],
        limits: Vec::new(),
        slowest: format!("{command} (a.rs:{longest})"),
    };
    let mut good = attempt(PASSED);
    good.workers.clear();
    good.commands = vec![times("Create I/O Submission Queue", 5_000), times("Read", 4_000)];
    assert_eq!(profile.judge(&mut good), None);
    assert_eq!((good.verdict, good.measured.len()), (Verdict::Pass, 0));
    assert_eq!(good.commands[0].limits, [(100.0, 5_000)], "what it may be is beside it");

    // The workers have 9,000 ns.
    let mut slow = attempt(PASSED);
    slow.commands = vec![times("Create I/O Submission Queue", 5_001), times("Read", 8_000)];
    let found = profile.judge(&mut slow);
    assert_eq!(found.as_deref(), Some("Read (a.rs:8000)"));
    assert_eq!(slow.verdict, Verdict::Fail);
    assert_eq!(
        slow.message,
        "read.max is 9000 ns, and may be 5000 ns; it was Read (a.rs:8000)\n\
         create_io_submission_queue.max is 5001 ns, and may be 5000 ns; it was Create I/O Submission Queue (a.rs:5001)"
    );
}

#[test]
fn what_is_required_and_not_there_is_a_breach() {
    let profile = load(concat!(
        "[required]\npass = [\"flush::a\"]\napplicable = [\"verify\"]\n",
        "[[limits.health]]\nfield = \"MDIE\"\ngrows = 1\n",
        "[[limits.health]]\nfield = \"CW\"\nmost = 0\n",
        "[[limits.health]]\nfield = \"AVSP\"\nleast = 10\n",
    ))
    .unwrap();
    let results = |flush: &str, verify: &str, after: &str| {
        let attempt = |test: &str, verdict: &str| {
            format!(
                r#"{{"kind":"attempt","device":0,"test":"{test}","attempt":1,"verdict":"{verdict}","found":"{verdict}","started_ms":0,"took_us":1}}"#
            )
        };
        let planned = |test: &str| {
            format!(
                r#"{{"kind":"test","device":0,"test":"{test}","area":"x","file":"f","line":1}}"#
            )
        };
        let text = [
            r#"{"kind":"run","schema":1,"id":"r","tool":"0","suite":{"name":"nvme","tests":2,"hash":"0"},"profile":"p","mode":"ci","seed":1,"host":"h","command":[],"started_ms":0}"#.to_owned(),
            r#"{"kind":"device","device":0,"uri":"soft:","model":"m","serial":"s","firmware":"1","version":"2.1.0","opened_ms":0}"#.to_owned(),
            r#"{"kind":"health","device":0,"when":"before","values":{"MDIE":5}}"#.to_owned(),
            planned("flush::a"), planned("verify::b::one"),
            attempt("flush::a", flush), attempt("verify::b::one", verify),
            after.to_owned(),
        ];
        let results = Results::parse(&text.join("\n")).unwrap();
        let breaches = profile.breaches(&results);
        breaches.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let healthy =
        r#"{"kind":"health","device":0,"when":"after","values":{"MDIE":6,"CW":0,"AVSP":10}}"#;
    assert_eq!(
        results("Pass", "Fail", healthy),
        Vec::<String>::new(),
        "a failure speaks for itself"
    );
    assert_eq!(
        results("ExpectedFail", "NotApplicable", healthy),
        [
            "flush::a: device 0: it has to pass, and its verdict is ExpectedFail",
            "verify::b::one: device 0: it has to be applicable, and is not",
        ]
    );
    let worn = r#"{"kind":"health","device":0,"when":"after","values":{"MDIE":7,"CW":4,"AVSP":9}}"#;
    assert_eq!(
        results("Pass", "Pass", worn),
        [
            "device 0: MDIE grew from 5 to 7, and may grow by 1",
            "device 0: CW is 4, and may be 0",
            "device 0: AVSP is 9, and has to be 10 at the least",
        ]
    );
    assert_eq!(results("Pass", "Pass", "").len(), 3, "an unknown health is no good health");
}

#[test]
fn shipped_profiles_are_read_in_any_suite() {
    for shipped in SHIPPED {
        let all = |name: &&str| Listed { name: format!("{name}::t"), ignored: None };
        let tests: Vec<Listed> =
            ["flush", "read_write", "initialization"].iter().map(all).collect();
        let profile = Profile::load(shipped.name, &tests).unwrap();
        assert_eq!((&profile.name, &profile.title), (&shipped.name.to_owned(), &shipped.title()));
        assert!(!profile.title.is_empty());
    }
    let certify = Profile::load("certify", &listed()).unwrap();
    assert_eq!((certify.mode, certify.retries), (Mode::Certify, 0));
    let other = [Listed { name: "other::t".to_owned(), ignored: None }];
    let error = Profile::load("smoke", &other).unwrap_err().to_string();
    assert_eq!(error, "the profile `smoke` selects none of the 1 tests of this program");
}

#[test]
fn the_page_about_labs_has_the_table_of_profiles() {
    let page = include_str!("../../../../docs/lab/README.md");
    let mut rows = page.lines().filter(|line| line.starts_with("| `"));
    for shipped in SHIPPED {
        let row = format!("| `{}` | {} |", shipped.name, shipped.title());
        assert_eq!(rows.next(), Some(&*row));
        assert!(list().contains(&shipped.title()));
    }
}
