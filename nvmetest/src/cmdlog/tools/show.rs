//! `show`: the commands, one a line.

use std::io;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Filter;
use super::Input;
use super::ToolError;
use super::output;
use crate::cmdlog::Mark;
use crate::cmdlog::json;
use crate::cmdlog::text::Columns;
use crate::cmdlog::text::FAILING_IS_MISSING;
use crate::cmdlog::text::Lost;
use crate::cmdlog::text::MarkLine;
use crate::cmdlog::text::RecordLine;

/// What `cmdlog show` is told.
#[derive(Args, Debug)]
pub struct Show {
    /// The command log, or a folder that has one
    #[arg(value_name = "LOG")]
    pub log: PathBuf,
    /// Print JSON lines, which these tools can read again
    #[arg(long)]
    pub json: bool,
    /// Which commands
    #[command(flatten)]
    pub filter: Filter,
}

impl Show {
    pub(super) fn run(self) -> Result<ExitCode, ToolError> {
        output::of_log(&self.log, |input, output| match self.json {
            true => write_json(input, &self.filter, output),
            false => write_text(input, &self.filter, output),
        })
    }
}

/// Writes the selected commands as a log of JSON lines.
pub(super) fn write_json(
    input: &mut Input,
    filter: &Filter,
    mut output: &mut dyn Write,
) -> io::Result<()> {
    input.head().write_json_head(&mut output)?;
    let failing = input.head().failing;
    let mut records = filter.select(input);
    records.try_for_each(|record| {
        json::write_record(&mut output, &record, failing == Some(record.token))
    })
}

/// Writes the selected commands and the marks between them; times are from the first command of the log on.
pub(super) fn write_text(
    input: &mut Input,
    filter: &Filter,
    output: &mut dyn Write,
) -> io::Result<()> {
    let head = input.head().clone();
    let origin_ns = input.origin_ns();
    write!(output, "{}", Lost(&head))?;
    let after = crate::cmdlog::duration::Duration(origin_ns.saturating_sub(head.created_ns));
    writeln!(output, "# times are from the first command on, {after} after the log was made")?;
    writeln!(output, "{Columns}")?;

    let mut marks = head.marks.as_slice();
    let mut is_first = !filter.is_empty();
    let mut has_failing = false;
    for record in filter.select(input) {
        let before = marks.partition_point(|mark| mark.at_ns <= record.submitted_ns);
        let (now, later) = marks.split_at(before);
        // Of what was before the first selected command, the last mark tells what it belongs to.
        let skipped = if is_first { now.len().saturating_sub(1) } else { 0 };
        write_marks(output, &now[skipped..], origin_ns)?;
        (marks, is_first) = (later, false);
        let is_failing = head.failing == Some(record.token);
        has_failing |= is_failing;
        let marker = if is_failing { ">>>" } else { "" };
        writeln!(output, "{marker:<4}{}", RecordLine { record: &record, origin_ns })?;
    }
    if filter.is_empty() {
        write_marks(output, marks, origin_ns)?;
    }
    if head.failing.is_some() && !has_failing {
        writeln!(output, "{FAILING_IS_MISSING}")?;
    }
    Ok(())
}

fn write_marks(output: &mut dyn Write, marks: &[Mark], origin_ns: u64) -> io::Result<()> {
    marks.iter().try_for_each(|mark| writeln!(output, "{}", MarkLine { mark, origin_ns }))
}
