//! The picture as SVG.

use std::fmt;
use std::fmt::Write;

use super::Plan;
use super::Timeline;
use super::axis::Axis;
use super::end_ns;
use super::lanes::Queue;
use crate::cmdlog::Dump;
use crate::cmdlog::Mark;
use crate::cmdlog::Outcome;
use crate::cmdlog::Record;
use crate::cmdlog::decode;
use crate::cmdlog::duration::Duration;
use crate::spec::NvmOpcode;

/// Where the lanes begin, right of the names of the queues.
const LEFT: f64 = 72.0;
/// What is left free at the right, for the end of the last label.
const RIGHT: f64 = 24.0;
/// Where the lanes begin, below the times.
const TOP: f64 = 40.0;
/// The least height of a queue: that of its name.
const QUEUE: f64 = 16.0;
/// The space between two queues.
const GAP: f64 = 6.0;
/// The height that lanes share if there are many.
const LANES: f64 = 640.0;
/// The least width of a command, so that it can be seen and pointed at.
const BAR: f64 = 1.5;
/// The characters of a command's title, so that a picture of 200 commands stays small.
const TITLE_MAX: usize = 90;
/// The marks that are drawn at most.
const MARKS_MAX: usize = 24;

/// Colours are for both backgrounds, and no meaning is in a colour alone. They can be set from
/// outside. The picture is in the colour of the text around it.
const STYLE: &str = "\
.nvt{font:11px system-ui,sans-serif;color-scheme:light dark}\
.nvt text{fill:currentColor}\
.nvt .l{stroke:currentColor;stroke-opacity:.18;fill:none}\
.nvt .m{stroke:currentColor;stroke-opacity:.6;stroke-dasharray:2 3}\
.nvt .c{fill:currentColor;fill-opacity:.1}\
.nvt .r{fill:var(--nvt-read,#0072b2)}\
.nvt .w{fill:var(--nvt-write,#b87a00)}\
.nvt .o{fill:var(--nvt-other,#7a7a7a)}\
.nvt .a{fill:var(--nvt-admin,#009e73)}\
.nvt .e{stroke:var(--nvt-error,#d55e00);stroke-width:1.5}\
.nvt .n{fill-opacity:.25;stroke-dasharray:3 2}\
.nvt .n:not(.e){stroke:currentColor}\
.nvt .x{fill:var(--nvt-error,#d55e00);stroke:none}\
.nvt path:hover{fill-opacity:.7}";

/// Draws the commands of a dump over time, as one self-contained SVG element.
///
/// Each submission queue has lanes: commands that were in flight at the same time stand below each
/// other. A command has its line of the log as a tooltip; one that ended with an error has an outline
/// and a triangle, one that never completed is open and dashed, and the command that all this is about
/// ([`Dump::failing`]) is pointed at by name. Pauses much longer than all the rest are cut out.
///
/// The element can stand in a page of HTML (several may) or in a file of its own. It has no script, no
/// reference to anything else, follows the text colour around it, and is at most 40 KB with the
/// default of 200 commands.
///
/// ```
/// use std::panic::Location;
///
/// use nvmetest::cmdlog::{CmdLog, Selection, Timeline, timeline_svg};
/// use nvmetest::spec::{Cqe, Sqe};
/// use zerocopy::FromZeros;
///
/// let log = CmdLog::new(Default::default())?;
/// let ring = log.ring(1, 1);
/// let token = ring.submitted(&Sqe::new_zeroed(), Location::caller(), 1_000);
/// ring.completed(token, &Cqe::new_zeroed(), 26_000);
///
/// let svg = timeline_svg(&log.dump(&Selection::all()), &Timeline::default());
/// assert!(svg.starts_with("<svg ") && svg.contains("<title>Flush nsid=0: 25 µs, Successful"));
/// # std::io::Result::Ok(())
/// ```
pub fn timeline_svg(dump: &Dump, options: &Timeline) -> String {
    let width = f64::from(options.width.max(320));
    let mut svg = String::new();
    let drawn = match Plan::new(dump, options.commands, width - LEFT - RIGHT) {
        Some(plan) => Picture { dump, plan: &plan, width }.write(&mut svg),
        None => empty(&mut svg, width),
    };
    drawn.expect("a string takes what is written to it");
    svg
}

fn empty(svg: &mut String, width: f64) -> fmt::Result {
    write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"nvt\" role=\"img\" \
         viewBox=\"0 0 {width} 24\"><style>{STYLE}</style>\
         <text x=\"8\" y=\"16\">The log has no commands.</text></svg>"
    )
}

struct Picture<'a> {
    dump: &'a Dump,
    plan: &'a Plan<'a>,
    width: f64,
}

impl Picture<'_> {
    fn write(&self, svg: &mut String) -> fmt::Result {
        let Plan { records, queues, .. } = self.plan;
        let lanes: usize = queues.iter().map(|queue| queue.lanes.len()).sum();
        let lane_height = (LANES / lanes.max(1) as f64).clamp(4.0, 14.0).floor();
        let height_of = |queue: &Queue| (queue.lanes.len() as f64 * lane_height).max(QUEUE);
        let bottom = TOP + queues.iter().map(|queue| height_of(queue) + GAP).sum::<f64>();
        let (width, height) = (self.width, bottom + 44.0);

        let (drawn, all) = (records.len(), self.dump.records.len());
        let span = Duration(self.plan.axis.last_ns() - self.plan.axis.first_ns());
        write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"nvt\" role=\"img\" \
             aria-label=\"{drawn} of {all} commands over {span}\" viewBox=\"0 0 {width} {height}\">\
             <style>{STYLE}</style>"
        )?;
        self.axis(svg, bottom)?;
        self.marks(svg, bottom)?;
        let mut y = TOP;
        for queue in queues {
            self.queue(svg, queue, y, lane_height)?;
            y += height_of(queue) + GAP;
        }
        self.legend(svg, bottom + 16.0)?;
        svg.write_str("</svg>\n")
    }

    /// Times above, lines through all queues, and the pauses.
    fn axis(&self, svg: &mut String, bottom: f64) -> fmt::Result {
        let axis = &self.plan.axis;
        let mut lines = String::new();
        for at_ns in axis.ticks(96.0) {
            let x = LEFT + axis.x(at_ns);
            write!(lines, "M{x:.1} {:.0}V{bottom:.0}", TOP - 6.0)?;
            let after = Duration(at_ns - axis.first_ns());
            write!(svg, "<text x=\"{x:.1}\" y=\"{:.0}\">{after}</text>", TOP - 9.0)?;
        }
        write!(svg, "<path class=\"l\" d=\"{lines}\"/>")?;
        for piece in axis.pieces().iter().filter(|piece| piece.is_cut) {
            let (x, length) = (LEFT + piece.x, Duration(piece.to_ns - piece.from_ns));
            write!(
                svg,
                "<g><title>{length} in which nothing was submitted or completed</title>\
                 <path class=\"c\" d=\"M{x:.1} {:.0}h{:.1}V{bottom:.0}h-{:.1}z\"/>\
                 <text x=\"{:.1}\" y=\"{:.0}\" text-anchor=\"middle\">⫽ {length}</text></g>",
                TOP - 22.0,
                piece.width,
                piece.width,
                x + piece.width / 2.0,
                TOP - 26.0,
            )?;
        }
        Ok(())
    }

    /// The last marks within the picture, and the one before it.
    fn marks(&self, svg: &mut String, bottom: f64) -> fmt::Result {
        let axis = &self.plan.axis;
        let within = |mark: &&Mark| (axis.first_ns()..=axis.last_ns()).contains(&mark.at_ns);
        let marks: Vec<&Mark> = self.dump.marks.iter().filter(within).collect();
        for Mark { at_ns, text, .. } in &marks[marks.len().saturating_sub(MARKS_MAX)..] {
            let (x, text) = (LEFT + axis.x(*at_ns), Escaped::new(text, TITLE_MAX));
            write!(
                svg,
                "<path class=\"m\" d=\"M{x:.1} {:.0}V{bottom:.0}\"><title>{text}</title></path>",
                TOP - 6.0
            )?;
        }
        Ok(())
    }

    fn queue(&self, svg: &mut String, queue: &Queue, y: f64, lane_height: f64) -> fmt::Result {
        let name = QueueName(queue.sqid);
        write!(svg, "<text x=\"4\" y=\"{:.0}\">{name}</text>", y + 12.0)?;
        write!(svg, "<path class=\"l\" d=\"M{LEFT} {:.1}H{:.0}\"/>", y - GAP / 2.0, self.width)?;
        for (lane, indices) in queue.lanes.iter().enumerate() {
            let y = y + lane as f64 * lane_height;
            write!(svg, "<g transform=\"translate({LEFT} {y})\">")?;
            for record in indices.iter().filter_map(|index| self.plan.records.get(*index)) {
                self.command(svg, record, lane_height - 1.0)?;
            }
            svg.write_str("</g>")?;
        }
        Ok(())
    }

    fn command(&self, svg: &mut String, record: &Record, height: f64) -> fmt::Result {
        let axis = &self.plan.axis;
        let x = axis.x(record.submitted_ns);
        let width = (self.end_x(record, axis) - x).max(BAR);
        let kind = match (record.is_admin(), record.sqe.nvm_opcode()) {
            (true, _) => 'a',
            (_, NvmOpcode::READ | NvmOpcode::COMPARE | NvmOpcode::VERIFY) => 'r',
            (_, NvmOpcode::WRITE | NvmOpcode::WRITE_ZEROES | NvmOpcode::WRITE_UNCORRECTABLE) => 'w',
            _ => 'o',
        };
        let title = Title(record).to_string();
        let title = Escaped::new(&title, TITLE_MAX);
        let open = !matches!(record.outcome, Outcome::Completed { .. });
        // A triangle stands on the end of a command that failed.
        let (failed, triangle) =
            if record.has_failed() { (" e", "m0 0l-3-5h6z") } else { ("", "") };
        write!(
            svg,
            "<path class=\"{kind}{failed}{}\" d=\"M{:.1} 0h-{width:.1}v{height}h{width:.1}z{triangle}\">\
             <title>{title}</title></path>",
            if open { " n" } else { "" },
            x + width,
        )?;
        if self.dump.failing == Some(record.token) {
            write!(svg, "<path class=\"x\" d=\"M{x:.1} 0l-5-9h10z\"/>")?;
        }
        Ok(())
    }

    fn end_x(&self, record: &Record, axis: &Axis) -> f64 {
        axis.x(end_ns(record).unwrap_or(axis.last_ns()))
    }

    /// What the picture is about, and what the colours mean.
    fn legend(&self, svg: &mut String, y: f64) -> fmt::Result {
        let Plan { records, .. } = self.plan;
        let failing = records.iter().find(|record| self.dump.failing == Some(record.token));
        let left_out = self.dump.records.len() - records.len();
        let start = Duration(self.plan.axis.first_ns().saturating_sub(self.dump.created_ns));
        write!(svg, "<text x=\"4\" y=\"{y:.0}\">")?;
        match failing {
            Some(record) => {
                let title = Title(record).to_string();
                write!(svg, "▼ {}", Escaped::new(&title, 2 * TITLE_MAX))?;
            }
            None => write!(svg, "Times are from {start} of the log on")?,
        }
        if left_out != 0 {
            write!(svg, " ({left_out} more commands are in the log)")?;
        }
        svg.write_str("</text>")?;
        let mut x = 4.0;
        for (class, name) in [
            ("a", "admin"),
            ("r", "reads"),
            ("w", "writes"),
            ("o", "others"),
            ("o e", "error"),
            ("o n", "not completed in time"),
        ] {
            let y = y + 18.0;
            write!(
                svg,
                "<path class=\"{class}\" d=\"M{x} {:.0}h14v9h-14z\"/>\
                 <text x=\"{:.0}\" y=\"{y:.0}\">{name}</text>",
                y - 9.0,
                x + 20.0
            )?;
            x += 34.0 + 7.0 * name.len() as f64;
        }
        Ok(())
    }
}

struct QueueName(u16);

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("Admin"),
            sqid => write!(f, "Queue {sqid}"),
        }
    }
}

/// A command in one line.
struct Title<'a>(&'a Record);

impl fmt::Display for Title<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(record) = self;
        write!(f, "{}: ", decode::describe(&record.sqe, record.is_admin()))?;
        let after = |at_ns: u64| Duration(at_ns.saturating_sub(record.submitted_ns));
        match record.outcome {
            Outcome::InFlight => f.write_str("never completed"),
            Outcome::Completed { at_ns, cqe } => {
                write!(f, "{}, {}", after(at_ns), cqe.status_field().status())
            }
            Outcome::Abandoned { at_ns, late: None } => {
                write!(f, "given up after {}", after(at_ns))
            }
            Outcome::Abandoned { at_ns, late: Some((late_ns, cqe)) } => write!(
                f,
                "given up after {}, {} after {}",
                after(at_ns),
                cqe.status_field().status(),
                after(late_ns)
            ),
        }
    }
}

/// A text of a log within XML: escaped, without control characters, and not longer than `most` bytes.
struct Escaped<'a> {
    text: &'a str,
    most: usize,
}

impl<'a> Escaped<'a> {
    fn new(text: &'a str, most: usize) -> Self {
        Self { text, most }
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = self.most;
        let mut one = [0; 4];
        for char in self.text.chars() {
            let escaped = match char {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                // XML knows neither control characters nor these two.
                '\u{FFFE}' | '\u{FFFF}' => "\u{FFFD}",
                char if char.is_control() => "\u{FFFD}",
                char => char.encode_utf8(&mut one),
            };
            let Some(left) = room.checked_sub(escaped.len()) else {
                return f.write_str("…");
            };
            room = left;
            f.write_str(escaped)?;
        }
        Ok(())
    }
}
