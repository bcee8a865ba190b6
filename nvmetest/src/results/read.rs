//! Reading files of results, and what they say of each test.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::fs;
use std::path::Path;

use thiserror::Error;

use super::attempt::Attempt;
use super::line::Line;
use super::line::SCHEMA;
use super::run::Begin;
use super::run::Device;
use super::run::End;
use super::run::Health;
use super::run::Note;
use super::run::Planned;
use super::run::Run;
use super::run::Shard;
use super::run::Subject;
use crate::runner::Verdict;

/// What a file of results has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Results {
    /// The run; after it, each time it was resumed.
    pub runs: Vec<Run>,
    /// The devices, as they were when they were opened last.
    pub devices: BTreeMap<u32, Device>,
    /// The tests, in their order.
    pub planned: Vec<Planned>,
    /// What ran.
    pub attempts: Vec<Attempt>,
    /// What was begun, has no result, and was not cut short by anybody: what ran when the machine, or the run, went down.
    pub begun: Vec<Begin>,
    /// What the devices said of their health.
    pub health: Vec<Health>,
    /// What else happened.
    pub notes: Vec<Note>,
    /// How the run ended; none, if it was killed. Resumed, it may have ended several times.
    pub ends: Vec<End>,
}

/// What became of a test, all attempts together.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome<'r> {
    /// The test.
    pub planned: &'r Planned,
    /// The device that it ran on, or was to run on.
    pub device: Option<u32>,
    /// What counts.
    pub verdict: Verdict,
    /// Each time that it ran.
    pub attempts: Vec<&'r Attempt>,
}

/// Why there are no results.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResultsError {
    /// The file cannot be read.
    #[error("the results {path} cannot be read: {error}")]
    File {
        /// Its name.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// A line is none of a file of results.
    #[error("{path}line {line} is no result of nvmetest: {error}")]
    Line {
        /// The name of the file and a colon, or nothing.
        path: String,
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// Who wrote it knows more than this version.
    #[error(
        "{path}the results have schema {schema}, and this nvmetest understands {SCHEMA} and older; take a newer one"
    )]
    Newer {
        /// The name of the file and a colon, or nothing.
        path: String,
        /// Its schema.
        schema: u32,
    },
    /// It does not begin as it should.
    #[error("{path}there is no line of a run; the file is empty, or is no file of results")]
    NoRun {
        /// The name of the file and a colon, or nothing.
        path: String,
    },
}

impl Results {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ResultsError> {
        let text = fs::read(path);
        let text =
            text.map_err(|error| ResultsError::File { path: path.display().to_string(), error })?;
        Self::of(&String::from_utf8_lossy(&text), &format!("{}: ", path.display()))
    }

    /// Reads lines. A last line without its end was being written when the run was killed, and is left out.
    pub fn parse(text: &str) -> Result<Self, ResultsError> {
        Self::of(text, "")
    }

    fn of(text: &str, path: &str) -> Result<Self, ResultsError> {
        let path = || path.to_owned();
        let mut results = Self::default();
        for (index, line) in text.split_inclusive('\n').enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            match serde_json::from_str(line) {
                Ok(line) => results.add(line),
                Err(_) if !line.ends_with('\n') => break,
                Err(error) => {
                    return Err(ResultsError::Line { path: path(), line: index + 1, error });
                }
            }
            let newer = results.runs.last().filter(|run| SCHEMA < run.schema);
            if let Some(run) = newer {
                return Err(ResultsError::Newer { path: path(), schema: run.schema });
            }
        }
        if results.runs.is_empty() {
            return Err(ResultsError::NoRun { path: path() });
        }
        Ok(results)
    }

    /// Adds a line.
    pub fn add(&mut self, line: Line) {
        match line {
            Line::Run(run) => self.runs.push(run),
            Line::Device(device) => drop(self.devices.insert(device.device, device)),
            Line::Test(planned) => self.planned.push(planned),
            Line::Begin(begin) => self.begun.push(begin),
            Line::Attempt(attempt) => {
                self.begun.retain(|it| (it.device, &it.test) != (attempt.device, &attempt.test));
                self.attempts.push(attempt);
            }
            Line::Health(health) => self.health.push(health),
            Line::Note(note) => {
                self.explain(&note);
                self.notes.push(note);
            }
            Line::End(end) => {
                self.begun.clear();
                self.ends.push(end);
            }
        }
    }

    /// Takes a note for why a test has no result: the user ended it, or it is counted as a loss.
    fn explain(&mut self, note: &Note) {
        if !matches!(note.about, Subject::Interrupted | Subject::Lost) {
            return;
        }
        match (note.about, &note.test) {
            (_, Some(test)) => {
                self.begun.retain(|it| (Some(it.device), &it.test) != (note.device, test));
            }
            (Subject::Interrupted, None) => self.begun.clear(),
            _ => {}
        }
    }

    /// Returns which part of a run this is, and how many of its tests are elsewhere, if that is known; none, if it is no part, or
    /// several of them.
    pub(crate) fn part(&self) -> Option<(Shard, Option<u64>)> {
        let shard = self.runs.first()?.shard?;
        if self.runs.iter().any(|run| run.shard != Some(shard)) {
            return None;
        }
        let tests: HashSet<&str> = self.planned.iter().map(|planned| &*planned.test).collect();
        let elsewhere = shard.tests.checked_sub(tests.len() as u64).filter(|_| shard.tests != 0);
        Some((shard, elsewhere))
    }

    /// Says what became of each test that was planned, in the order of the plan.
    ///
    /// Without an attempt it is [`Verdict::Missing`]; if attempts differ, [`Verdict::Flake`].
    pub fn outcomes(&self) -> Vec<Outcome<'_>> {
        let mut attempts: HashMap<&str, Vec<&Attempt>> = HashMap::new();
        for attempt in &self.attempts {
            attempts.entry(&attempt.test).or_default().push(attempt);
        }
        let of = |planned: &Planned| attempts.get(&*planned.test);
        self.planned.iter().map(|planned| Outcome::of(planned, of(planned))).collect()
    }
}

impl<'r> Outcome<'r> {
    fn of(planned: &'r Planned, attempts: Option<&Vec<&'r Attempt>>) -> Self {
        let here = |attempt: &&&Attempt| planned.device.is_none_or(|it| it == attempt.device);
        let attempts: Vec<_> = attempts.into_iter().flatten().filter(here).copied().collect();
        let verdict = match &attempts[..] {
            [] => Verdict::Missing,
            [first, others @ ..] => {
                let same = others.iter().all(|other| other.verdict == first.verdict);
                if same { first.verdict } else { Verdict::Flake }
            }
        };
        let device = attempts.last().map(|attempt| attempt.device).or(planned.device);
        Self { planned, device, verdict, attempts }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::write::Writer;
    use super::*;

    const RUN: &str = r#"{"kind":"run","schema":1,"id":"r","tool":"0","suite":{"name":"nvme","tests":2,"hash":"0"},"profile":"p","mode":"ci","seed":1,"host":"h","command":[],"started_ms":0}"#;

    fn planned(device: Option<u32>, test: &str) -> Planned {
        let area = test.split("::").next().unwrap_or_default().to_owned();
        Planned {
            device,
            test: test.to_owned(),
            area,
            clause: None,
            file: "a.rs".to_owned(),
            line: 1,
        }
    }

    fn attempt(device: u32, test: &str, attempt: u32, verdict: Verdict) -> Attempt {
        let text = format!(
            r#"{{"device":{device},"test":"{test}","attempt":{attempt},"verdict":"{verdict}","found":"{verdict}","started_ms":0,"took_us":1}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn what_is_written_is_read_and_a_line_that_was_cut_short_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        let run: Run = serde_json::from_str(RUN).unwrap();
        let mut writer = Writer::create(&path).unwrap();
        writer.write(run.clone()).unwrap();
        writer.write(planned(Some(0), "a::b")).unwrap();
        drop(writer);
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(br#"{"kind":"attempt","dev"#).unwrap();

        let cut = Results::read(&path).unwrap();
        assert_eq!((cut.runs, cut.planned.len(), cut.attempts.len()), (vec![run.clone()], 1, 0));

        let mut writer = Writer::append(&path).unwrap();
        writer.write(run).unwrap();
        writer.write(attempt(0, "a::b", 1, Verdict::Pass)).unwrap();
        let resumed = Results::read(&path).unwrap();
        assert_eq!((resumed.runs.len(), resumed.attempts.len()), (2, 1));
        assert_eq!(resumed.outcomes()[0].verdict, Verdict::Pass);
    }

    #[test]
    fn a_file_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        Writer::create(&path).unwrap();
        assert!(Writer::create(&path).is_err());
    }

    #[test]
    fn what_is_no_result_is_named_by_its_line() {
        let error = Results::parse(&format!("{RUN}\n{{\"kind\":\"tset\"}}\n")).unwrap_err();
        assert!(error.to_string().starts_with("line 2 is no result of nvmetest"), "{error}");
        let newer = RUN.replace("\"schema\":1", "\"schema\":3");
        let error = Results::parse(&newer).unwrap_err().to_string();
        assert!(error.contains("schema 3"), "{error}");
        assert!(Results::parse("").unwrap_err().to_string().contains("no line of a run"));
    }

    #[test]
    fn a_test_has_the_verdict_of_its_own_device_and_differing_attempts_are_a_flake() {
        let mut results = Results::default();
        for device in [0, 1, 2] {
            results.add(planned(Some(device), "a").into());
        }
        results.add(planned(None, "b").into());
        results.add(attempt(0, "a", 1, Verdict::Fail).into());
        results.add(attempt(0, "a", 2, Verdict::Pass).into());
        results.add(attempt(1, "a", 1, Verdict::Pass).into());
        results.add(attempt(1, "b", 1, Verdict::Fail).into());
        results.add(attempt(1, "b", 2, Verdict::Fail).into());

        let outcomes = results.outcomes();
        let verdicts: Vec<_> = outcomes.iter().map(|it| (it.device, it.verdict)).collect();
        let expected = [
            (Some(0), Verdict::Flake),
            (Some(1), Verdict::Pass),
            (Some(2), Verdict::Missing),
            (Some(1), Verdict::Fail),
        ];
        assert_eq!(verdicts, expected);
    }

    #[test]
    fn what_was_begun_is_open_until_somebody_says_why_it_has_no_result() {
        let begin = |test: &str| {
            Line::from(Begin { device: 0, test: test.to_owned(), attempt: 1, at_ms: 0 })
        };
        let note = |about, test: Option<&str>| {
            let test = test.map(str::to_owned);
            Line::from(Note { about, device: Some(0), test, text: String::new(), at_ms: 0 })
        };
        let end = r#"{"kind":"end","reason":"failed","exit":2,"took_ms":1}"#;
        let open = |last: Line| {
            let mut results = Results::default();
            [begin("a"), begin("b"), last].into_iter().for_each(|line| results.add(line));
            results.begun.into_iter().map(|begun| begun.test).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(open(attempt(0, "a", 1, Verdict::Pass).into()), "b");
        assert_eq!(open(attempt(1, "a", 1, Verdict::Pass).into()), "a b", "on another device");
        assert_eq!(open(note(Subject::Lost, Some("b"))), "a");
        assert_eq!(open(note(Subject::Interrupted, Some("b"))), "a");
        assert_eq!(open(note(Subject::Interrupted, None)), "", "the user ended all of it");
        assert_eq!(open(note(Subject::Lost, None)), "a b");
        assert_eq!(open(note(Subject::Other, Some("a"))), "a b");
        assert_eq!(open(serde_json::from_str(end).unwrap()), "", "it ended in order");
    }
}
