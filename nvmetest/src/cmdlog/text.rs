//! The log for people: one line a command.

use std::fmt;
use std::fmt::Write;

use super::Dump;
use super::Mark;
use super::Outcome;
use super::Record;
use super::RingInfo;
use super::decode;
use crate::spec::Cqe;

/// A dump as text; made by [`Dump::text`].
#[derive(Clone, Copy, Debug)]
pub struct Text<'a>(&'a Dump);

impl Dump {
    /// Returns the dump as text: what is missing from it, the columns, and one line for each
    /// command and mark.
    ///
    /// Times are in seconds since the log was made, latencies in microseconds.
    pub fn text(&self) -> Text<'_> {
        Text(self)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(dump) = self;
        write!(f, "{}", Lost(dump))?;
        let found = |token| dump.records.iter().any(|record| record.token == token);
        if dump.failing.is_some_and(|token| !found(token)) {
            writeln!(f, "{FAILING_IS_MISSING}")?;
        }
        writeln!(f, "{Columns}")?;
        let mut marks = dump.marks.iter().peekable();
        for record in &dump.records {
            while let Some(mark) = marks.next_if(|mark| mark.at_ns <= record.submitted_ns) {
                writeln!(f, "{}", MarkLine { mark, origin_ns: dump.created_ns })?;
            }
            let marker = if dump.failing == Some(record.token) { ">>>" } else { "" };
            writeln!(f, "{marker:<4}{}", RecordLine { record, origin_ns: dump.created_ns })?;
        }
        marks.try_for_each(|mark| writeln!(f, "{}", MarkLine { mark, origin_ns: dump.created_ns }))
    }
}

/// One line, with the time since the machine started.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RecordLine { record: self, origin_ns: 0 }.fmt(f)
    }
}

/// What the log has lost, one line each.
pub(super) struct Lost<'a>(pub(super) &'a Dump);

impl fmt::Display for Lost<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(dump) = self;
        if dump.refused_rings != 0 {
            let refused = dump.refused_rings;
            writeln!(
                f,
                "# queues not logged, because all rings of the log were in use: {refused}"
            )?;
        }
        for RingInfo { sqid, overwritten_in_flight, unmatched, .. } in &dump.rings {
            if *overwritten_in_flight != 0 {
                let overwritten = overwritten_in_flight;
                writeln!(f, "# queue {sqid}: commands overwritten while in flight: {overwritten}")?;
            }
            if *unmatched != 0 {
                writeln!(
                    f,
                    "# queue {sqid}: completions without a command in the log: {unmatched}"
                )?;
            }
        }
        Ok(())
    }
}

pub(super) const FAILING_IS_MISSING: &str =
    "# the command that failed is not among these: it was overwritten or left out";

/// The names of the columns.
pub(super) struct Columns;

impl fmt::Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "    {:>16} {:>8} {:>5} {:>6}  command -> status dw0 latency source",
            "time/s", "process", "sqid", "cid"
        )
    }
}

/// A command, without the marker of the failing one.
pub(super) struct RecordLine<'a> {
    pub(super) record: &'a Record,
    pub(super) origin_ns: u64,
}

impl fmt::Display for RecordLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { record, origin_ns } = self;
        write!(
            f,
            "{:>16} {:>8} {:>5} {:#06x}  {} -> ",
            Seconds::since(*origin_ns, record.submitted_ns),
            record.process,
            record.sqid,
            record.sqe.cdw0().cid(),
            decode::describe(&record.sqe, record.is_admin()),
        )?;
        let after = |at_ns: u64| Microseconds(at_ns.saturating_sub(record.submitted_ns));
        match &record.outcome {
            Outcome::InFlight => f.write_str("in flight")?,
            Outcome::Completed { at_ns, cqe } => write!(f, "{} {}", End(cqe), after(*at_ns))?,
            Outcome::Abandoned { at_ns, late: None } => {
                write!(f, "given up after {}", after(*at_ns))?;
            }
            Outcome::Abandoned { at_ns, late: Some((late_ns, cqe)) } => write!(
                f,
                "given up after {}, completed late: {} {}",
                after(*at_ns),
                End(cqe),
                after(*late_ns)
            )?,
        }
        match &record.site {
            Some(site) => write!(f, " {}:{}", Plain(&site.file), site.line),
            None => f.write_str(" (source not known)"),
        }
    }
}

/// What a completion queue entry says of how the command ended.
struct End<'a>(&'a Cqe);

impl fmt::Display for End<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.0.status_field();
        write!(f, "{}", field.status())?;
        if field.crd() != 0 {
            write!(f, " CRD={}", field.crd())?;
        }
        if field.m() {
            f.write_str(" M")?;
        }
        if field.dnr() {
            f.write_str(" DNR")?;
        }
        write!(f, " dw0={:#x}", self.0.dw0.get())
    }
}

pub(super) struct MarkLine<'a> {
    pub(super) mark: &'a Mark,
    pub(super) origin_ns: u64,
}

impl fmt::Display for MarkLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mark: Mark { at_ns, process, text }, origin_ns } = self;
        let time = Seconds::since(*origin_ns, *at_ns);
        write!(f, "    {time:>16} {process:>8}  --- {}", Plain(text))
    }
}

/// A time in seconds, with all nine digits: commands are nanoseconds apart.
struct Seconds {
    sign: char,
    ns: u64,
}

impl Seconds {
    /// A time before the origin can only come from a damaged log, but shown it must be.
    fn since(origin_ns: u64, at_ns: u64) -> Self {
        let sign = if origin_ns <= at_ns { '+' } else { '-' };
        Self { sign, ns: at_ns.abs_diff(origin_ns) }
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sign, ns } = self;
        f.pad(&format!("{sign}{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000))
    }
}

struct Microseconds(u64);

impl fmt::Display for Microseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}us", self.0 / 1000, self.0 % 1000)
    }
}

/// A text of another process, which must not reach the terminal as control characters.
pub(super) struct Plain<'a>(pub(super) &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| match char.is_control() {
            true => write!(f, "{}", char.escape_default()),
            false => f.write_char(char),
        })
    }
}
