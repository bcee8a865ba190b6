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
        write_line(&mut output, &Line::Log(LogLine::new(self)))?;
        for ring in &self.rings {
            write_line(&mut output, &Line::Ring(ring.clone()))?;
        }
        for mark in &self.marks {
            write_line(&mut output, &Line::Mark(mark.clone()))?;
        }
        for record in &self.records {
            let command = DecodedLine::new(record, self.failing == Some(record.token));
            write_line(&mut output, &command)?;
        }
        Ok(())
    }

    /// Reads what [`write_json_lines`](Self::write_json_lines) wrote.
    ///
    /// # Errors
    ///
    /// Fails if `input` does, or with the number of the first line that is not of this schema.
    pub fn read_json_lines(mut input: impl BufRead) -> io::Result<Self> {
        let mut dump = None;
        let mut bytes = Vec::new();
        for number in 1_u64.. {
            let invalid = |why: String| {
                io::Error::new(io::ErrorKind::InvalidData, format!("line {number}: {why}"))
            };
            bytes.clear();
            input.by_ref().take(LINE_MAX).read_until(b'\n', &mut bytes)?;
            if bytes.is_empty() {
                break;
            }
            if bytes.len() as u64 == LINE_MAX {
                return Err(invalid("it is too long to be of a command log".into()));
            }
            let line: Line =
                serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
            match (&mut dump, line) {
                (None, Line::Log(log)) => dump = Some(log.start().map_err(invalid)?),
                (None, _) => return Err(invalid("it is not the first line of a log".into())),
                (Some(_), Line::Log(_)) => return Err(invalid("another log starts here".into())),
                (Some(dump), Line::Ring(ring)) => dump.rings.push(ring),
                (Some(dump), Line::Mark(mark)) => dump.marks.push(mark),
                (Some(dump), Line::Command(command)) => {
                    dump.records.push(command.into_record().map_err(invalid)?);
                }
                (Some(_), Line::Unknown) => {}
            }
        }
        dump.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the command log is empty"))
    }
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
