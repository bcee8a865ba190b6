//! The log that a tool is given.

use std::fs;
use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;

use super::ToolError;
use crate::cmdlog::CmdLog;
use crate::cmdlog::Dump;
use crate::cmdlog::Record;
use crate::cmdlog::Selection;
use crate::cmdlog::Stream;
use crate::cmdlog::json::Item;
use crate::cmdlog::json::Lines;

/// The name of the log in an evidence folder.
const IN_EVIDENCE: &str = "cmdlog.jsonl";

/// How a log in shared memory begins.
const MAGIC: &[u8; 8] = b"NVMECLOG";

/// More rings and marks than a log of ours can have are not kept.
const HEAD_MAX: usize = 1 << 20;

/// How far a folder is searched for a log: a run's folder has it in `evidence/TEST/attempt-N`.
const DEPTH_MAX: usize = 4;
const ENTRIES_MAX: usize = 100_000;

/// A log that is read from its beginning to its end, once; the commands come one after the other.
#[derive(Debug)]
pub struct Input {
    path: PathBuf,
    /// The log without its commands.
    head: Dump,
    origin_ns: u64,
    source: Source,
    /// The first command, which was read to know when the log begins.
    first: Option<Record>,
    damage: Damage,
}

#[derive(Debug)]
enum Source {
    Shared(Box<Stream>),
    Lines(Lines<BufReader<File>>),
}

/// What could not be read.
#[derive(Debug, Default)]
struct Damage {
    lines: u64,
    first: Option<String>,
    /// Why there is no more.
    end: Option<String>,
}

impl Input {
    /// Opens a log: a file of either kind, or a folder that has one.
    ///
    /// # Errors
    ///
    /// Fails with one sentence if there is none, if it is neither kind, or if there are several.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ToolError> {
        let path = path.as_ref();
        let metadata = fs::metadata(path).map_err(|error| cannot_open(path, &error))?;
        let path = if metadata.is_dir() { in_folder(path)? } else { path.to_owned() };
        let metadata = fs::metadata(&path).map_err(|error| cannot_open(&path, &error))?;
        if !metadata.is_file() {
            return Err(ToolError::new(format!("{} is not a file", path.display())));
        }
        let file = File::open(&path).map_err(|error| cannot_open(&path, &error))?;
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let start = reader.fill_buf().map_err(|error| cannot_open(&path, &error))?;
        if start.starts_with(MAGIC) {
            drop(reader);
            Self::shared(path)
        } else if start.first() == Some(&b'{') {
            Self::lines(path, Lines::new(reader))
        } else {
            Err(ToolError::new(format!(
                "{} is neither a command log, as `--cmdlog FILE` makes it, nor a {IN_EVIDENCE}",
                path.display()
            )))
        }
    }

    fn shared(path: PathBuf) -> Result<Self, ToolError> {
        let log = CmdLog::open(&path).map_err(|error| ToolError::new(error.to_string()))?;
        // No command is submitted at the end of time, so this is all but the commands.
        let mut head = log.dump(&Selection::all().last(0));
        head.marks.sort_by_key(|mark| mark.at_ns);
        Ok(Self::begin(path, head, Source::Shared(Box::new(log.stream())), Damage::default()))
    }

    fn lines(path: PathBuf, mut lines: Lines<BufReader<File>>) -> Result<Self, ToolError> {
        let refused =
            |why: &str| ToolError::new(format!("{} is not a command log: {why}", path.display()));
        let mut head = match lines.next().map_err(|error| cannot_open(&path, &error))? {
            Some(Ok(Item::Start(head))) => head,
            Some(Ok(_)) => return Err(refused("its first line is not that of a log")),
            Some(Err(why)) => return Err(refused(&why)),
            None => return Err(refused("it is empty")),
        };
        let mut damage = Damage::default();
        let first = loop {
            match damage.next(&mut lines) {
                Some(Item::Ring(ring)) if head.rings.len() < HEAD_MAX => head.rings.push(ring),
                Some(Item::Mark(mark)) if head.marks.len() < HEAD_MAX => head.marks.push(mark),
                Some(Item::Command(record)) => break Some(record),
                Some(_) => {}
                None => break None,
            }
        };
        head.marks.sort_by_key(|mark| mark.at_ns);
        let mut input = Self::begin(path, head, Source::Lines(lines), damage);
        if first.is_some() {
            input.origin_ns = first.as_ref().map_or(0, |record| record.submitted_ns);
            input.first = first;
        }
        Ok(input)
    }

    fn begin(path: PathBuf, head: Dump, source: Source, damage: Damage) -> Self {
        let origin_ns = head.created_ns;
        let mut input = Self { path, head, origin_ns, source, first: None, damage };
        if let Source::Shared(stream) = &mut input.source {
            input.first = stream.next();
            input.origin_ns = input.first.as_ref().map_or(origin_ns, |record| record.submitted_ns);
        }
        input
    }

    /// The file that is read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The log without its commands: when it was made, its rings and marks, and which command failed.
    pub fn head(&self) -> &Dump {
        &self.head
    }

    /// When the first command was submitted, CLOCK_MONOTONIC in ns: what `--since` and `--until` count from.
    pub fn origin_ns(&self) -> u64 {
        self.origin_ns
    }

    /// What could not be read so far; `None` if that is nothing.
    pub fn note(&self) -> Option<String> {
        let Damage { lines, first, end } = &self.damage;
        let first = first.as_deref().unwrap_or_default();
        let lines = match lines {
            0 => None,
            1 => Some(format!("one line is left out: {first}")),
            lines => Some(format!("{lines} lines are left out, the first of them: {first}")),
        };
        let notes: Vec<String> = lines.into_iter().chain(end.clone()).collect();
        (!notes.is_empty()).then(|| format!("{}: {}", self.path.display(), notes.join("; ")))
    }

    /// Says on standard error what could not be read.
    pub(super) fn print_note(&self) {
        if let Some(note) = self.note() {
            eprintln!("cmdlog: {note}");
        }
    }
}

/// The commands, in the order of their submission.
impl Iterator for Input {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        match &mut self.source {
            Source::Shared(stream) => stream.next(),
            Source::Lines(lines) => loop {
                match self.damage.next(lines)? {
                    Item::Command(record) => return Some(record),
                    Item::Start(_) => {
                        self.damage.line(lines.number, "another log starts here");
                    }
                    Item::Ring(_) | Item::Mark(_) => {
                        self.damage.line(lines.number, "it belongs in front of the commands");
                    }
                    Item::Unknown => {}
                }
            },
        }
    }
}

impl Damage {
    /// Returns the next line that is whole; `None` at the end.
    fn next(&mut self, lines: &mut Lines<BufReader<File>>) -> Option<Item> {
        while self.end.is_none() {
            match lines.next() {
                Ok(Some(Ok(item))) => return Some(item),
                Ok(Some(Err(_))) if lines.is_cut_off() => {
                    let number = lines.number;
                    self.end = Some(format!("it ends in the middle of line {number}"));
                }
                Ok(Some(Err(why))) => self.line(lines.number, &why),
                Ok(None) => return None,
                Err(error) => {
                    self.end = Some(format!("it ends after line {}: {error}", lines.number));
                }
            }
        }
        None
    }

    fn line(&mut self, number: u64, why: &str) {
        self.lines += 1;
        self.first.get_or_insert_with(|| format!("line {number}: {why}"));
    }
}

fn cannot_open(path: &Path, error: &io::Error) -> ToolError {
    ToolError::new(format!("cannot read the command log {}: {error}", path.display()))
}

/// Finds the one log of a folder.
fn in_folder(folder: &Path) -> Result<PathBuf, ToolError> {
    let evidence = folder.join(IN_EVIDENCE);
    if evidence.is_file() {
        return Ok(evidence);
    }
    let mut found = Vec::new();
    let mut seen = 0;
    search(folder, DEPTH_MAX, &mut seen, &mut found);
    found.sort();
    match found.as_slice() {
        [] => Err(ToolError::new(format!("no command log is in the folder {}", folder.display()))),
        [only] => Ok(only.clone()),
        [first, ..] => Err(ToolError::new(format!(
            "{} command logs are in the folder {}; name one of them, for example {}",
            found.len(),
            folder.display(),
            first.display()
        ))),
    }
}

fn search(folder: &Path, depth: usize, seen: &mut usize, found: &mut Vec<PathBuf>) {
    // A folder that cannot be read has no log for us.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        *seen += 1;
        if ENTRIES_MAX < *seen {
            return;
        }
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && depth != 0 {
            search(&path, depth - 1, seen, found);
        } else if kind.is_file()
            && (path.file_name().is_some_and(|name| name == IN_EVIDENCE)
                || path.extension().is_some_and(|extension| extension == "cmdlog"))
        {
            found.push(path);
        }
    }
}
