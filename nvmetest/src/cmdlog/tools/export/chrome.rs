//! A trace of Chrome's trace events, which Perfetto opens, too.

use std::collections::HashMap;
use std::io;
use std::io::Write;

use serde::Serialize;
use serde_json::json;

use crate::cmdlog::Dump;
use crate::cmdlog::Outcome;
use crate::cmdlog::Record;
use crate::cmdlog::decode;
use crate::cmdlog::timeline::Lanes;

/// The process of the trace that has the marks; queues have their identifiers plus 1, since process 0 is special.
const MARKS: u32 = 1 << 17;

/// Writes commands as trace events in JSON; `head` is the log without its commands.
///
/// Each submission queue is a process of the trace, and its threads are what it had in flight at the same time:
/// events of one thread have to nest, and commands overlap. A command is a complete event with its fields as
/// arguments; its category is `error` if it failed. One that never completed is an event that begins and does not
/// end. Times are after the log was made, in microseconds. Marks are instant events.
///
/// No more than what is in flight is held in memory.
///
/// # Errors
///
/// Fails if `output` does.
pub fn write_chrome_trace(
    head: &Dump,
    records: impl IntoIterator<Item = Record>,
    output: impl Write,
) -> io::Result<()> {
    let mut trace = Trace { head, output, queues: HashMap::new(), is_first: true };
    write!(trace.output, "{{\"displayTimeUnit\":\"ns\",\"otherData\":")?;
    let other =
        json!({ "made_by": "nvmetest", "created_unix_ns": head.created_unix_ns.to_string() });
    serde_json::to_writer(&mut trace.output, &other)?;
    write!(trace.output, ",\"traceEvents\":[")?;
    trace.marks()?;
    for record in records {
        trace.command(&record)?;
    }
    writeln!(trace.output, "\n]}}")
}

struct Trace<'a, W> {
    head: &'a Dump,
    output: W,
    queues: HashMap<u16, Queue>,
    is_first: bool,
}

#[derive(Default)]
struct Queue {
    lanes: Lanes,
    /// How many of them have a name in the trace.
    named: usize,
}

/// An event; what it does not have is left out.
#[derive(Default, Serialize)]
struct Event<'a> {
    ph: &'static str,
    pid: u32,
    tid: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cat: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<serde_json::Value>,
}

impl<W: Write> Trace<'_, W> {
    fn marks(&mut self) -> io::Result<()> {
        if !self.head.marks.is_empty() {
            self.name(MARKS, "marks")?;
        }
        let head = self.head;
        for mark in &head.marks {
            let ts = Some(microseconds(mark.at_ns.saturating_sub(head.created_ns)));
            let s = Some("g");
            self.event(&Event {
                ph: "i",
                pid: MARKS,
                name: &mark.text,
                ts,
                s,
                ..Event::default()
            })?;
        }
        Ok(())
    }

    fn command(&mut self, record: &Record) -> io::Result<()> {
        let pid = u32::from(record.sqid) + 1;
        if !self.queues.contains_key(&record.sqid) {
            let name = match record.sqid {
                0 => "Admin Submission Queue".to_owned(),
                sqid => format!("I/O Submission Queue {sqid}"),
            };
            self.name(pid, &name)?;
        }
        let queue = self.queues.entry(record.sqid).or_default();
        let lane = queue.lanes.take(record.submitted_ns, crate::cmdlog::timeline::end_ns(record));
        if queue.named <= lane {
            queue.named = lane + 1;
            let args = Some(json!({ "name": format!("in flight {}", lane + 1) }));
            let name = "thread_name";
            self.event(&Event { ph: "M", pid, tid: lane + 1, name, args, ..Event::default() })?;
        }

        let description = decode::describe(&record.sqe, record.is_admin());
        let status = match record.outcome {
            Outcome::InFlight => "never completed".to_owned(),
            Outcome::Completed { cqe, .. } => cqe.status_field().status().to_string(),
            Outcome::Abandoned { late: None, .. } => "given up by the host".to_owned(),
            Outcome::Abandoned { late: Some((_, cqe)), .. } => {
                format!("given up by the host, late: {}", cqe.status_field().status())
            }
        };
        let is_failing = self.head.failing == Some(record.token);
        let name = match record.has_failed() {
            true => format!("{} ✗ {status}", description.name),
            false => description.name.clone().into_owned(),
        };
        let duration = record.abandoned_or_completed_ns();
        let event = Event {
            ph: if duration.is_some() { "X" } else { "B" },
            pid,
            tid: lane + 1,
            ts: Some(microseconds(record.submitted_ns.saturating_sub(self.head.created_ns))),
            dur: duration.map(microseconds),
            name: &name,
            cat: Some(match (record.has_failed(), record.is_admin()) {
                (true, _) => "error",
                (false, true) => "admin",
                (false, false) => "io",
            }),
            args: Some(json!({
                "command": description.to_string(),
                "status": status,
                "cid": record.sqe.cdw0().cid(),
                "process": record.process,
                "source": record.site.as_ref().map(ToString::to_string),
                "failing": is_failing,
            })),
            ..Event::default()
        };
        self.event(&event)
    }

    /// Gives a process of the trace its name, and its place in the order of queues.
    fn name(&mut self, pid: u32, name: &str) -> io::Result<()> {
        let (ph, default) = ("M", Event::default);
        let args = Some(json!({ "name": name }));
        self.event(&Event { ph, pid, name: "process_name", args, ..default() })?;
        let args = Some(json!({ "sort_index": pid }));
        self.event(&Event { ph, pid, name: "process_sort_index", args, ..default() })
    }

    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        let separator = if self.is_first { "\n" } else { ",\n" };
        self.is_first = false;
        self.output.write_all(separator.as_bytes())?;
        Ok(serde_json::to_writer(&mut self.output, event)?)
    }
}

impl Record {
    /// How long the command was with the controller, as far as the host knew, in ns.
    fn abandoned_or_completed_ns(&self) -> Option<u64> {
        crate::cmdlog::timeline::end_ns(self).map(|end_ns| end_ns - self.submitted_ns)
    }
}

/// A time as a trace has it. It is exact for a log of some days: 2^53 nanoseconds are 104 days.
fn microseconds(ns: u64) -> f64 {
    ns as f64 / 1000.0
}
