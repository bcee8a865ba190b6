//! `timeline`: the log as a picture.

use std::fmt;
use std::io;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Filter;
use super::Input;
use super::ToolError;
use super::output;
use crate::cmdlog::Dump;
use crate::cmdlog::Outcome;
use crate::cmdlog::Record;
use crate::cmdlog::Timeline;
use crate::cmdlog::decode;
use crate::cmdlog::duration::Duration;
use crate::cmdlog::timeline::Plan;
use crate::cmdlog::timeline::end_ns;
use crate::cmdlog::timeline::window;
use crate::cmdlog::timeline_svg;

/// More commands than this no picture can show.
const COMMANDS_MAX: usize = 20_000;

/// What `cmdlog timeline` is told.
#[derive(Args, Debug)]
pub struct TimelineArguments {
    /// The command log, or a folder that has one
    #[arg(value_name = "LOG")]
    pub log: PathBuf,
    /// Write an SVG picture to this file, and not text to standard output
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Draw so many commands: those around the one that failed, or the last [default: 200]
    #[arg(long, value_name = "N")]
    pub commands: Option<usize>,
    /// How many columns the text has
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub width: u16,
    /// Which commands
    #[command(flatten)]
    pub filter: Filter,
}

impl TimelineArguments {
    pub(super) fn run(self) -> Result<ExitCode, ToolError> {
        let Self { log, svg, commands, width, filter } = self;
        let mut input = Input::open(&log)?;
        let commands = commands.unwrap_or(Timeline::default().commands).min(COMMANDS_MAX);
        let dump = around(&mut input, &filter, commands);
        match svg {
            Some(path) => {
                let options = Timeline { commands, ..Timeline::default() };
                output::write(Some(&path), &mut input, true, |_, output| {
                    output.write_all(timeline_svg(&dump, &options).as_bytes())
                })?;
            }
            None => output::print(|output| draw(&dump, commands, width.into(), output))?,
        }
        input.print_note();
        Ok(ExitCode::SUCCESS)
    }
}

/// Takes what a picture needs of a log, however long that is: the last commands, or those around the failing one.
pub(super) fn around(input: &mut Input, filter: &Filter, commands: usize) -> Dump {
    let mut dump = input.head().clone();
    let mut after = 0;
    let mut found = false;
    for record in filter.select(input) {
        found |= dump.failing == Some(record.token);
        after += usize::from(found);
        dump.records.push(record);
        if commands / 4 < after && commands <= dump.records.len() {
            break;
        }
        if 2 * commands.max(1) <= dump.records.len() {
            dump.records.drain(..commands.max(1));
        }
    }
    let window = window(&dump, commands);
    dump.records = dump.records.drain(window).collect();
    dump
}

/// Draws the picture as text: a line for each lane.
pub(super) fn draw(
    dump: &Dump,
    commands: usize,
    width: usize,
    output: &mut dyn Write,
) -> io::Result<()> {
    const NAME: usize = 10;

    let width = width.clamp(40, 1000) - NAME;
    let Some(plan) = Plan::new(dump, commands, (width - 1) as f64) else {
        return writeln!(output, "The log has no commands.");
    };
    let axis = &plan.axis;
    let span = Duration(axis.last_ns() - axis.first_ns());
    writeln!(
        output,
        "{} commands over {span}; r reads, w writes, a admin, o others; ! an error, > never completed",
        plan.records.len()
    )?;
    for piece in axis.pieces().iter().filter(|piece| piece.is_cut) {
        let after = Duration(piece.from_ns - axis.first_ns());
        let length = Duration(piece.to_ns - piece.from_ns);
        writeln!(
            output,
            "// {length} are cut out after {after}: nothing was submitted or completed"
        )?;
    }
    let mut times = vec![b' '; width + 12];
    for at_ns in axis.ticks(14.0) {
        let label = Duration(at_ns - axis.first_ns()).to_string().replace('µ', "u");
        let x = axis.x(at_ns) as usize;
        for (place, byte) in times.iter_mut().skip(x).zip(format!("|{label}").bytes()) {
            *place = byte;
        }
    }
    writeln!(output, "{:NAME$}{}", "", String::from_utf8_lossy(&times).trim_end())?;
    for queue in &plan.queues {
        for (index, lane) in queue.lanes.iter().enumerate() {
            let name = match (index, queue.sqid) {
                (0, 0) => "Admin".to_owned(),
                (0, sqid) => format!("Queue {sqid}"),
                _ => String::new(),
            };
            let mut line = vec![b' '; width + 1];
            for piece in axis.pieces().iter().filter(|piece| piece.is_cut) {
                line[piece.x as usize] = b'/';
            }
            for record in lane.iter().filter_map(|index| plan.records.get(*index)) {
                let start = (axis.x(record.submitted_ns) as usize).min(width);
                let end = end_ns(record).unwrap_or(axis.last_ns());
                let end = (axis.x(end) as usize).clamp(start, width);
                let (kind, last) = letters(record);
                line[start..=end].fill(b'-');
                line[end] = last;
                line[start] = if start == end && last != b'-' { last } else { kind };
            }
            writeln!(output, "{name:<NAME$}{}", String::from_utf8_lossy(&line).trim_end())?;
        }
    }
    let failing = plan.records.iter().find(|record| dump.failing == Some(record.token));
    match failing {
        Some(record) => writeln!(output, "failed: {}", Failing(record)),
        None => Ok(()),
    }
}

/// What a command begins and ends with.
fn letters(record: &Record) -> (u8, u8) {
    use crate::spec::NvmOpcode;

    let kind = match record.sqe.nvm_opcode() {
        _ if record.is_admin() => b'a',
        NvmOpcode::READ | NvmOpcode::COMPARE | NvmOpcode::VERIFY => b'r',
        NvmOpcode::WRITE | NvmOpcode::WRITE_ZEROES | NvmOpcode::WRITE_UNCORRECTABLE => b'w',
        _ => b'o',
    };
    let last = match record.outcome {
        Outcome::InFlight => b'>',
        _ if record.has_failed() => b'!',
        _ => b'-',
    };
    (kind, last)
}

struct Failing<'a>(&'a Record);

impl fmt::Display for Failing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(record) = self;
        write!(f, "{}", decode::describe(&record.sqe, record.is_admin()))?;
        match record.status() {
            Some(status) => write!(f, ", {status}"),
            None => f.write_str(", without a completion"),
        }
    }
}
