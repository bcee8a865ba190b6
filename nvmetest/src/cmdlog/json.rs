//! The log for tools: JSON lines.
//!
//! Each line is an object with a `kind`. The first one is the `log` line, with the version of the
//! schema; then come `ring`, `command` and `mark` lines. A command has the raw entries in
//! hexadecimal, which are what counts, and what they say in words and numbers for whoever does not
//! want to decode them. Times are CLOCK_MONOTONIC in ns.
//!
//! A new kind of line, or a new member of one, does not change the version: readers skip what they
//! do not know.

use std::io;
use std::io::BufRead;
use std::io::Read;
use std::io::Write;
use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;
use zerocopy::FromBytes;
use zerocopy::IntoBytes;

use super::Dump;
use super::Mark;
use super::Outcome;
use super::Record;
use super::RingInfo;
use super::Site;
use super::Token;
use super::decode;
use super::decode::Value;
use crate::spec::Cqe;
use crate::spec::Sqe;

/// The version of the schema, which the first line carries.
pub const SCHEMA_VERSION: u32 = 1;

const SCHEMA: &str = "nvmetest.cmdlog";

/// No line of ours is longer than some thousand bytes.
const LINE_MAX: u64 = 64 << 10;

impl Dump {
    /// Writes the dump as JSON lines; see the [module](super::json).
    ///
    /// ```
    /// use std::panic::Location;
    ///
    /// use nvmetest::cmdlog::{CmdLog, Dump, Selection, now_ns};
    /// use nvmetest::spec::Sqe;
    /// use zerocopy::FromZeros;
    ///
    /// let log = CmdLog::new(Default::default())?;
    /// log.ring(1, 1).submitted(&Sqe::new_zeroed(), Location::caller(), now_ns());
    /// let dump = log.dump(&Selection::all());
    ///
    /// let mut lines = Vec::new();
    /// dump.write_json_lines(&mut lines)?;
    /// assert!(str::from_utf8(&lines).unwrap().contains(r#""command":"Flush""#));
    /// assert_eq!(Dump::read_json_lines(&lines[..])?, dump);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if `output` does.
    pub fn write_json_lines(&self, mut output: impl Write) -> io::Result<()> {
        self.write_json_head(&mut output)?;
        self.records.iter().try_for_each(|record| {
            write_record(&mut output, record, self.failing == Some(record.token))
        })
    }

    /// Writes all but the commands.
    pub(super) fn write_json_head(&self, output: &mut impl Write) -> io::Result<()> {
        write_line(output, &Line::Log(LogLine::new(self)))?;
        for ring in &self.rings {
            write_line(output, &Line::Ring(ring.clone()))?;
        }
        for mark in &self.marks {
            write_line(output, &Line::Mark(mark.clone()))?;
        }
        Ok(())
    }

    /// Reads what [`write_json_lines`](Self::write_json_lines) wrote.
    ///
    /// # Errors
    ///
    /// Fails if `input` does, or with the number of the first line that is not of this schema.
    pub fn read_json_lines(input: impl BufRead) -> io::Result<Self> {
        let mut lines = Lines::new(input);
        let invalid = |number: u64, why: String| {
            io::Error::new(io::ErrorKind::InvalidData, format!("line {number}: {why}"))
        };
        let mut dump = None;
        while let Some(item) = lines.next()? {
            let item = item.map_err(|why| invalid(lines.number, why))?;
            match (&mut dump, item) {
                (None, Item::Start(start)) => dump = Some(start),
                (None, _) => {
                    return Err(invalid(lines.number, "it is not the first line of a log".into()));
                }
                (Some(_), Item::Start(_)) => {
                    return Err(invalid(lines.number, "another log starts here".into()));
                }
                (Some(dump), Item::Ring(ring)) => dump.rings.push(ring),
                (Some(dump), Item::Mark(mark)) => dump.marks.push(mark),
                (Some(dump), Item::Command(record)) => dump.records.push(record),
                (Some(_), Item::Unknown) => {}
            }
        }
        dump.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the command log is empty"))
    }
}

/// The lines of a log, one after the other: a long one is never in memory as a whole.
#[derive(Debug)]
pub(super) struct Lines<R> {
    input: R,
    bytes: Vec<u8>,
    /// Which line was read last, from 1.
    pub(super) number: u64,
}

/// What a line holds.
#[derive(Debug)]
pub(super) enum Item {
    /// The first line: a dump without what the other lines have.
    Start(Dump),
    Ring(RingInfo),
    Mark(Mark),
    Command(Record),
    /// Of a later version.
    Unknown,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, bytes: Vec::new(), number: 0 }
    }

    /// Returns the next line, or why it is none of ours; `None` at the end.
    ///
    /// # Errors
    ///
    /// Fails if the input does.
    pub(super) fn next(&mut self) -> io::Result<Option<Result<Item, String>>> {
        self.bytes.clear();
        self.input.by_ref().take(LINE_MAX).read_until(b'\n', &mut self.bytes)?;
        if self.bytes.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        if self.bytes.len() as u64 == LINE_MAX {
            return Ok(Some(Err("it is too long to be of a command log".into())));
        }
        let line = serde_json::from_slice(&self.bytes).map_err(|error| error.to_string());
        Ok(Some(line.and_then(Item::new)))
    }

    /// Whether the last line has no end: it was cut off, or is being written.
    pub(super) fn is_cut_off(&self) -> bool {
        self.bytes.last() != Some(&b'\n')
    }
}

impl Item {
    fn new(line: Line) -> Result<Self, String> {
        Ok(match line {
            Line::Log(log) => Self::Start(log.start()?),
            Line::Ring(ring) => Self::Ring(ring),
            Line::Mark(mark) => Self::Mark(mark),
            Line::Command(command) => Self::Command(command.into_record()?),
            Line::Unknown => Self::Unknown,
        })
    }
}

/// Writes one command.
pub(super) fn write_record(
    output: &mut impl Write,
    record: &Record,
    failing: bool,
) -> io::Result<()> {
    write_line(output, &DecodedLine::new(record, failing))
}

fn write_line(output: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *output, line)?;
    output.write_all(b"\n")
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line {
    Log(LogLine),
    Ring(RingInfo),
    Mark(Mark),
    Command(CommandLine),
    #[serde(other, skip_serializing)]
    Unknown,
}

#[derive(Serialize, Deserialize)]
struct LogLine {
    schema: String,
    version: u32,
    created_ns: u64,
    created_unix_ns: u64,
    refused_rings: u64,
    failing: Option<Token>,
}

impl LogLine {
    fn new(dump: &Dump) -> Self {
        Self {
            schema: SCHEMA.into(),
            version: SCHEMA_VERSION,
            created_ns: dump.created_ns,
            created_unix_ns: dump.created_unix_ns,
            refused_rings: dump.refused_rings,
            failing: dump.failing,
        }
    }

    fn start(self) -> Result<Dump, String> {
        if self.schema != SCHEMA {
            return Err(format!("the schema is {:?} and not {SCHEMA:?}", self.schema));
        }
        if self.version != SCHEMA_VERSION {
            return Err(format!(
                "the schema has version {}, and this program reads version {SCHEMA_VERSION}",
                self.version
            ));
        }
        Ok(Dump {
            created_ns: self.created_ns,
            created_unix_ns: self.created_unix_ns,
            refused_rings: self.refused_rings,
            rings: Vec::new(),
            records: Vec::new(),
            marks: Vec::new(),
            failing: self.failing,
        })
    }
}

/// What a record is made of again.
#[derive(Serialize, Deserialize)]
struct CommandLine {
    token: Token,
    sqid: u16,
    cqid: u16,
    process: u32,
    site: Option<Site>,
    submitted_ns: u64,
    abandoned_ns: Option<u64>,
    completed_ns: Option<u64>,
    sqe: String,
    cqe: Option<String>,
}

impl CommandLine {
    fn new(record: &Record) -> Self {
        let abandoned_ns = match record.outcome {
            Outcome::Abandoned { at_ns, .. } => Some(at_ns),
            _ => None,
        };
        Self {
            token: record.token,
            sqid: record.sqid,
            cqid: record.cqid,
            process: record.process,
            site: record.site.as_deref().cloned(),
            submitted_ns: record.submitted_ns,
            abandoned_ns,
            completed_ns: record.completed_ns(),
            sqe: hex(record.sqe.as_bytes()),
            cqe: record.cqe().map(|cqe| hex(cqe.as_bytes())),
        }
    }

    fn into_record(self) -> Result<Record, String> {
        let completed = match (self.completed_ns, self.cqe) {
            (Some(at_ns), Some(cqe)) => Some((at_ns, unhex::<Cqe, 16>("cqe", &cqe)?)),
            (None, None) => None,
            _ => return Err("completed_ns and cqe go together".into()),
        };
        let outcome = match (self.abandoned_ns, completed) {
            (Some(at_ns), late) => Outcome::Abandoned { at_ns, late },
            (None, Some((at_ns, cqe))) => Outcome::Completed { at_ns, cqe },
            (None, None) => Outcome::InFlight,
        };
        Ok(Record {
            token: self.token,
            sqid: self.sqid,
            cqid: self.cqid,
            process: self.process,
            site: self.site.map(Arc::new),
            submitted_ns: self.submitted_ns,
            sqe: unhex::<Sqe, 64>("sqe", &self.sqe)?,
            outcome,
        })
    }
}

/// A command as it is written: what the entries say is beside them, and is not read back.
#[derive(Serialize)]
#[serde(tag = "kind", rename = "command")]
struct DecodedLine {
    #[serde(flatten)]
    raw: CommandLine,
    failing: bool,
    admin: bool,
    opcode: u8,
    command: String,
    cid: u16,
    nsid: u32,
    fields: serde_json::Map<String, serde_json::Value>,
    text: String,
    latency_ns: Option<u64>,
    completion: Option<Completion>,
}

#[derive(Serialize)]
struct Completion {
    dw0: u32,
    dw1: u32,
    sqhd: u16,
    sqid: u16,
    cid: u16,
    phase: bool,
    sct: u8,
    sc: u8,
    crd: u8,
    more: bool,
    dnr: bool,
    status: String,
}

impl DecodedLine {
    fn new(record: &Record, failing: bool) -> Self {
        let description = decode::describe(&record.sqe, record.is_admin());
        let text = description.to_string();
        let value = |value| match value {
            Value::Number(number) | Value::Hex(number) => number.into(),
            Value::Flag => true.into(),
            Value::Code { code, .. } => code.into(),
        };
        let fields = description.fields.iter();
        Self {
            raw: CommandLine::new(record),
            failing,
            admin: record.is_admin(),
            opcode: record.sqe.opcode(),
            command: description.name.into_owned(),
            cid: record.sqe.cdw0().cid(),
            nsid: record.sqe.nsid.get(),
            fields: fields.map(|it| (it.name.to_ascii_lowercase(), value(it.value))).collect(),
            text,
            latency_ns: record.latency_ns(),
            completion: record.cqe().map(Completion::new),
        }
    }
}

impl Completion {
    fn new(cqe: &Cqe) -> Self {
        let field = cqe.status_field();
        Self {
            dw0: cqe.dw0.get(),
            dw1: cqe.dw1.get(),
            sqhd: cqe.sqhd.get(),
            sqid: cqe.sqid.get(),
            cid: cqe.cid.get(),
            phase: field.p(),
            sct: field.sct(),
            sc: field.sc(),
            crd: field.crd(),
            more: field.m(),
            dnr: field.dnr(),
            status: field.status().to_string(),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

fn unhex<T: FromBytes, const N: usize>(name: &str, text: &str) -> Result<T, String> {
    const { assert!(size_of::<T>() == N) };
    let invalid = || format!("{name} is not {N} bytes in hexadecimal");
    let digits: Option<Vec<u32>> = text.chars().map(|char| char.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() == 2 * N).ok_or_else(invalid)?;
    let bytes: [u8; N] =
        std::array::from_fn(|index| (digits[2 * index] << 4 | digits[2 * index + 1]) as u8);
    T::read_from_bytes(&bytes).map_err(|_| invalid())
}
