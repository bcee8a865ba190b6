use std::fmt::Write as _;

use super::*;
use crate::results::Results;
use crate::runner::Verdict;

/// A shard or a run of it, as text.
struct Part {
    id: String,
    hash: &'static str,
    profile: &'static str,
    seed: u64,
    mode: &'static str,
    shard: Option<(u32, u32)>,
    sizes: (u64, u32),
    firmware: &'static str,
    tests: Vec<String>,
    end: Option<u8>,
}

fn part(index: u32, count: u32) -> Part {
    // Tests 1 to 6 of the whole go round.
    let tests =
        (1..=6).filter(|number| number % count == index - 1).map(|number| format!("a::t{number}"));
    Part {
        id: format!("r{index}"),
        hash: "h",
        profile: "p",
        seed: 7,
        mode: "ci",
        shard: Some((index, count)),
        sizes: (6, 99),
        firmware: "1.0",
        tests: tests.collect(),
        end: Some(0),
    }
}

impl Part {
    fn lines(&self) -> String {
        let Self { id, hash, profile, seed, mode, firmware, .. } = self;
        let (tests, cut) = self.sizes;
        let shard = self.shard.map(|(index, count)| {
            format!(r#""shard":{{"index":{index},"count":{count},"tests":{tests},"cut":{cut}}},"#)
        });
        let shard = shard.unwrap_or_default();
        let mut text = format!(
            r#"{{"kind":"run","schema":1,"id":"{id}","tool":"0","suite":{{"name":"nvme","tests":6,"hash":"{hash}"}},"profile":"{profile}","mode":"{mode}","seed":{seed},{shard}"host":"h{id}","command":[],"started_ms":5}}
{{"kind":"device","device":0,"uri":"soft:","model":"m","serial":"s{id}","firmware":"{firmware}","version":"2.1.0","opened_ms":0}}
{{"kind":"health","device":0,"when":"after","values":{{"MDIE":1}}}}
"#
        );
        for test in &self.tests {
            let line = &test[4..];
            writeln!(text, r#"{{"kind":"test","device":0,"test":"{test}","area":"a","file":"a.rs","line":{line}}}"#).unwrap();
        }
        for test in &self.tests {
            writeln!(text, r#"{{"kind":"attempt","device":0,"test":"{test}","attempt":1,"verdict":"Pass","found":"Pass","started_ms":0,"took_us":1}}"#).unwrap();
        }
        if let Some(exit) = self.end {
            writeln!(text, r#"{{"kind":"end","reason":"complete","exit":{exit},"took_ms":10}}"#)
                .unwrap();
        }
        text
    }

    fn write(&self, folder: &Path) -> PathBuf {
        let folder = folder.join(format!("{}-{}", self.id, self.firmware));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("results.jsonl"), self.lines()).unwrap();
        folder
    }
}

/// Joins the parts, the last first. Returns the results, what was said, or the sentence of the error without the folder.
fn join(parts: &[Part], change: impl FnOnce(&mut Options)) -> Result<(Results, Merged), String> {
    let folder = tempfile::tempdir().unwrap();
    let inputs: Vec<PathBuf> = parts.iter().rev().map(|part| part.write(folder.path())).collect();
    let mut options = Options { out: folder.path().join("out"), ..Options::default() };
    change(&mut options);
    let before = fs::read_dir(folder.path()).unwrap().count();
    match merge(&inputs, &options) {
        Ok(merged) => Ok((Results::read(&options.out.join("results.jsonl")).unwrap(), merged)),
        Err(error) => {
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before, "something is left");
            Err(error.to_string().replace(&format!("{}/", folder.path().display()), ""))
        }
    }
}

fn refused(change: impl FnOnce(&mut Vec<Part>)) -> String {
    let mut parts = vec![part(1, 3), part(2, 3), part(3, 3)];
    change(&mut parts);
    join(&parts, |_| {}).unwrap_err()
}

#[test]
fn shards_in_any_order_are_the_whole_run() {
    let (results, merged) = join(&[part(1, 3), part(2, 3), part(3, 3)], |_| {}).unwrap();
    assert_eq!((merged.runs, merged.tests, merged.attempts, merged.exit), (3, 6, 6, 0));
    let outcomes = results.outcomes();
    let tests: Vec<&str> = outcomes.iter().map(|outcome| &*outcome.planned.test).collect();
    assert_eq!(tests, ["a::t1", "a::t2", "a::t3", "a::t4", "a::t5", "a::t6"]);
    assert!(outcomes.iter().all(|outcome| outcome.verdict == Verdict::Pass));
    assert_eq!(results.runs.len(), 1);
    assert_eq!((results.runs[0].shard, &*results.runs[0].host), (None, "hr1, hr2, hr3"));
    let serials: Vec<_> =
        results.devices.values().map(|device| (device.device, &*device.serial)).collect();
    assert_eq!(serials, [(0, "sr1"), (1, "sr2"), (2, "sr3")], "devices are numbered anew");
    assert_eq!(outcomes[0].device, Some(1), "t1 is of the second shard");
    assert_eq!(results.health.iter().map(|health| health.device).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(results.notes[1].text, "shard 2/3 is run r2 on hr2");
    assert_eq!(results.ends.len(), 1);

    let (again, _) = join(&[part(3, 3), part(1, 3), part(2, 3)], |_| {}).unwrap();
    assert_eq!(again, results);
}

#[test]
fn the_worst_end_is_the_end_and_a_killed_shard_has_none() {
    let with = |ends: [Option<u8>; 2]| {
        let parts = [Part { end: ends[0], ..part(1, 2) }, Part { end: ends[1], ..part(2, 2) }];
        let (results, merged) = join(&parts, |_| {}).unwrap();
        (results.ends.len(), merged.exit)
    };
    assert_eq!(with([Some(0), Some(1)]), (1, 1));
    assert_eq!(with([Some(3), Some(130)]), (1, 3));
    assert_eq!(with([Some(0), None]), (0, 1));
    assert_eq!(with([Some(3), None]), (0, 3));
}

#[test]
fn what_does_not_belong_together_is_refused_in_one_sentence() {
    for (sentence, change) in [
        (
            "the suite of r3-1.0/results.jsonl is h with 6 tests, and that of r1-1.0/results.jsonl is x with 6 tests",
            (|parts| parts[0].hash = "x") as fn(&mut Vec<Part>),
        ),
        (
            "the profile of r3-1.0/results.jsonl is p, and that of r2-1.0/results.jsonl is q",
            |parts| parts[1].profile = "q",
        ),
        (
            "is 7, and that of r1-1.0/results.jsonl is 8; give all shards one with `--seed`",
            |parts| parts[0].seed = 8,
        ),
        (
            "the mode of r3-1.0/results.jsonl is ci, and that of r1-1.0/results.jsonl is certify",
            |parts| parts[0].mode = "certify",
        ),
        ("is of m (1.0), and r1-2.0/results.jsonl of m (2.0)", |parts| parts[0].firmware = "2.0"),
        ("is shard 3/4; all have to be of as many", |parts| parts[2].shard = Some((3, 4))),
        ("were dealt out differently", |parts| parts[1].sizes.1 = 98),
        ("are both shard 2/3; give one of them", |parts| parts[2].shard = Some((2, 3))),
        ("of the shards 2/3 is missing; add it", |parts| drop(parts.remove(1))),
        ("`a::t1` is in two shards, ", |parts| parts[0].tests.push("a::t1".to_owned())),
        ("the shards have 5 tests together, and the run has 6", |parts| drop(parts[0].tests.pop())),
        ("are a shard and a whole run", |parts| parts[0].shard = None),
        ("are of the same run, `r1`; give it once", |parts| {
            parts[1].id = "r1".to_owned();
            parts[1].firmware = "1.00";
        }),
        ("are whole runs and no shards", |parts| {
            parts.iter_mut().for_each(|part| part.shard = None)
        }),
        ("there is nothing to join", Vec::clear),
    ] {
        let error = refused(change);
        assert!(error.contains(sentence), "{error}\n{sentence}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_folder_that_is_there_is_not_touched() {
    let error = join(&[part(1, 1)], |options| fs::create_dir(&options.out).unwrap()).unwrap_err();
    assert!(error.ends_with("out is there already; give a new folder with `--out`"), "{error}");
}

#[test]
fn what_there_is_can_be_joined_and_says_what_is_missing() {
    let (results, merged) =
        join(&[part(1, 3), part(3, 3)], |options| options.partial = true).unwrap();
    assert_eq!((&merged.missing[..], merged.exit), (&["2/3".to_owned()][..], 1));
    assert_eq!(results.outcomes().len(), 4);
    let missing = results.notes.last().unwrap();
    assert_eq!(missing.text, "shard 2/3 is missing: its tests are not here");
}

#[test]
fn drives_side_by_side_each_have_all_their_tests() {
    let whole =
        |id: &str, firmware| Part { id: id.to_owned(), shard: None, firmware, ..part(1, 1) };
    let (results, merged) =
        join(&[whole("x", "1.0"), whole("y", "2.0")], |options| options.matrix = true).unwrap();
    assert_eq!((merged.tests, merged.attempts), (12, 12));
    let of = |device| {
        results
            .outcomes()
            .iter()
            .filter(|it| it.device == Some(device) && it.verdict == Verdict::Pass)
            .count()
    };
    assert_eq!((of(0), of(1)), (6, 6));

    let shards =
        [part(1, 2), part(2, 2), Part { id: "o1".to_owned(), firmware: "2.0", ..part(1, 2) }];
    let error = join(&shards, |options| options.matrix = true).unwrap_err();
    assert!(error.starts_with("of the shards 2/2 is missing"), "{error}");
}

#[test]
fn evidence_comes_along_and_stays_below_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let write = |part: &Part, evidence: &str| {
        let path = part.write(folder.path());
        let file = path.join("results.jsonl");
        let text = fs::read_to_string(&file).unwrap();
        let with = format!(r#""took_us":1,"evidence":"{evidence}""#);
        fs::write(&file, text.replace(r#""took_us":1"#, &with)).unwrap();
        path
    };
    let inputs =
        [write(&part(1, 2), "evidence/a/attempt-1"), write(&part(2, 2), "evidence/a/attempt-1")];
    for (input, text) in inputs.iter().zip(["one", "two"]) {
        fs::create_dir_all(input.join("evidence/a/attempt-1/deep")).unwrap();
        fs::write(input.join("evidence/a/attempt-1/deep/log"), text).unwrap();
    }
    let options = Options { out: folder.path().join("out"), ..Options::default() };
    merge(&inputs, &options).unwrap();
    let results = Results::read(&options.out.join("results.jsonl")).unwrap();
    let text = |test: &str| {
        let attempt = results.attempts.iter().find(|attempt| attempt.test == test).unwrap();
        let evidence = options.out.join(attempt.evidence.as_ref().unwrap());
        fs::read_to_string(evidence.join("deep/log")).unwrap()
    };
    assert_eq!((text("a::t2"), text("a::t1")), ("one".to_owned(), "two".to_owned()));

    for outside in ["../secret", "/etc", ""] {
        let inputs = [write(&part(1, 1), outside)];
        let options = Options { out: folder.path().join("other"), ..Options::default() };
        let error = merge(&inputs, &options).unwrap_err().to_string();
        assert!(error.contains("is not below the folder of its run"), "{error}");
        assert!(!options.out.exists());
    }
    let inputs = [write(&part(1, 1), "evidence/gone")];
    let options = Options { out: folder.path().join("other"), ..Options::default() };
    assert_eq!(merge(&inputs, &options).unwrap().lost_evidence, 6);
}

#[test]
fn a_broken_file_is_refused_with_its_line() {
    let refused = |change: fn(String) -> String| {
        let folder = tempfile::tempdir().unwrap();
        let path = part(1, 1).write(folder.path());
        let file = path.join("results.jsonl");
        fs::write(&file, change(fs::read_to_string(&file).unwrap())).unwrap();
        let options = Options { out: folder.path().join("out"), ..Options::default() };
        match merge(&[path], &options) {
            Ok(merged) => format!("{} attempts", merged.attempts),
            Err(error) => error.to_string().replace(&format!("{}/", folder.path().display()), ""),
        }
    };
    assert!(
        refused(|text| text.replacen("\"end\"", "\"ent\"", 1))
            .starts_with("r1-1.0/results.jsonl:16: this is no result")
    );
    assert!(refused(|text| text.replace("\"schema\":1", "\"schema\":9")).contains("schema 9"));
    assert!(refused(|_| String::new()).contains("there is no line of a run"));
    assert!(
        refused(|text| text.replacen(
            "\"test\":\"a::t1\",\"attempt\"",
            "\"test\":\"a::t9\",\"attempt\"",
            1
        ))
        .ends_with(":10: `a::t9` ran and was not planned")
    );
    assert!(
        refused(|text| text.replacen(
            "\"test\":\"a::t1\",\"attempt\"",
            "\"test\":\"a::t2\",\"attempt\"",
            1
        ))
        .ends_with(":11: attempt 1 of `a::t2` is there twice")
    );
    assert!(
        refused(|text| text.replace("\"attempt\",\"device\":0", "\"attempt\",\"device\":1"))
            .ends_with(":10: there is no line of device 1")
    );
    let cut = refused(|text| text[..text.len() - 20].to_owned());
    assert_eq!(cut, "6 attempts", "a last line that was cut short is left out");
}

/// Counts, and a bound that is far above what it takes, for a machine that is busy; the figures are those of
/// `cargo xtask bench merge`.
#[test]
fn many_results_are_joined_and_none_is_lost() {
    let shards: Vec<Part> = (1..=4)
        .map(|index| {
            let tests = (0..20_000)
                .filter(|number| number % 4 == index - 1)
                .map(|number| format!("a::t{number}"));
            Part {
                tests: tests.collect(),
                sizes: (20_000, 1),
                ..part(u32::try_from(index).unwrap(), 4)
            }
        })
        .collect();
    let (results, merged) = join(&shards, |_| {}).unwrap();
    assert_eq!((merged.tests, merged.attempts), (20_000, 20_000));
    assert!(results.outcomes().iter().all(|outcome| outcome.verdict == Verdict::Pass));
}

#[test]
fn an_interruption_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let inputs: Vec<PathBuf> = (1..=2).map(|index| part(index, 2).write(folder.path())).collect();
    let out = folder.path().join("joined/all");
    let options = Options { out: out.clone(), ..Options::default() };
    let mut asked = 0;
    let checked = Checked::read(&inputs, &options).unwrap();
    let result = checked.write(&out, &mut || {
        asked += 1;
        let within: Vec<_> = fs::read_dir(out.parent().unwrap()).unwrap().collect();
        assert_eq!(within.len(), 1, "it is at work");
        (asked == 2).then_some("SIGINT")
    });
    assert!(matches!(result, Err(MergeError::Interrupted("SIGINT"))), "{result:?}");
    assert_eq!(fs::read_dir(out.parent().unwrap()).unwrap().count(), 0);
}
