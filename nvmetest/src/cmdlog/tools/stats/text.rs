//! The counts for people.

use std::fmt;

use super::Group;
use super::Stats;
use crate::cmdlog::duration::Duration;
use crate::cmdlog::text::Plain;
use crate::ioworker::Latency;

/// The latencies that are named.
pub(super) const PERCENTILES: [(&str, f64); 6] = [
    ("p50", 50.0),
    ("p90", 90.0),
    ("p99", 99.0),
    ("p99.9", 99.9),
    ("p99.99", 99.99),
    ("p99.999", 99.999),
];

/// The heights of a bar.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// How wide a bar chart is.
const CHART: usize = 24;

pub(in crate::cmdlog::tools) struct Text<'a> {
    stats: &'a Stats,
    with_bars: bool,
}

impl Stats {
    pub(in crate::cmdlog::tools) fn text(&self, with_bars: bool) -> Text<'_> {
        Text { stats: self, with_bars }
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.stats;
        writeln!(f, "{} commands in {}", stats.commands, Duration(stats.span_ns()))?;
        let groups = stats.groups();
        if groups.is_empty() {
            return Ok(());
        }
        write!(f, "\n{:>5} {:<28} {:>9}", "queue", "command", "count")?;
        for (name, _) in PERCENTILES {
            write!(f, " {name:>10}")?;
        }
        writeln!(f, " {:>10}", "max")?;
        for group in &groups {
            self.group(group, f)?;
        }
        if stats.others != 0 {
            writeln!(f, "      {} commands of more queues and opcodes", stats.others)?;
        }
        self.depth(f)?;
        self.pending(f)
    }
}

impl Text<'_> {
    fn group(&self, group: &Group, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Group { sqid, name, submitted, latency, .. } = group;
        write!(f, "{sqid:>5} {name:<28} {submitted:>9}")?;
        for value in PERCENTILES.map(|(_, part)| latency.percentile_ns(part)) {
            write!(f, " {:>10}", short(value, latency))?;
        }
        writeln!(f, " {:>10}", short(latency.max_ns(), latency))?;
        if self.with_bars && latency.count() != 0 {
            writeln!(f, "{}", chart(latency))?;
        }
        for (status, count) in &group.statuses {
            // Success is what is expected, and needs a line only beside others.
            if 1 < group.statuses.len() || !status.contains("(00h/00h)") {
                writeln!(f, "{:35}{count:>9} {status}", "")?;
            }
        }
        for (count, what) in
            [(group.abandoned, "given up by the host"), (group.pending, "without a completion")]
        {
            if count != 0 {
                writeln!(f, "{:35}{count:>9} {what}", "")?;
            }
        }
        Ok(())
    }

    fn depth(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let series = self.stats.depth.series();
        write!(f, "\nIn flight: at most {}", series.most)?;
        for (sqid, depth) in self.stats.depths.iter().take(16) {
            write!(f, ", {} on queue {sqid}", depth.most())?;
        }
        writeln!(f)?;
        let most = series.most.max(1);
        if self.with_bars {
            let bar = |depth: &u64| match depth {
                0 => ' ',
                depth => BARS[((depth * 8).div_ceil(most) as usize).clamp(1, 8) - 1],
            };
            let line: String = series.columns.iter().map(bar).collect();
            writeln!(f, "  |{line}| each column {}", Duration(series.column_ns))?;
        }
        Ok(())
    }

    fn pending(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats { pending, pending_count, .. } = self.stats;
        if *pending_count == 0 {
            return Ok(());
        }
        writeln!(f, "\nWithout a completion: {pending_count}")?;
        for it in pending {
            let given_up = if it.abandoned { ", given up by the host" } else { "" };
            let after = Duration(it.after_ns);
            let site = it.site.as_deref().unwrap_or("(source not known)");
            writeln!(
                f,
                "  +{after}: queue {} cid {:#06x} {}{given_up} {}",
                it.sqid,
                it.cid,
                it.text,
                Plain(site)
            )?;
        }
        match pending_count - pending.len() as u64 {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more"),
        }
    }
}

/// A latency with three digits at the least; nothing for what did not complete.
fn short(ns: u64, latency: &Latency) -> String {
    match ns {
        _ if latency.count() == 0 => "-".to_owned(),
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.2} µs", ns as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} ms", ns as f64 / 1e6),
        _ => format!("{:.2} s", ns as f64 / 1e9),
    }
}

/// How latencies are spread from the least to the greatest, in logarithmic columns.
fn chart(latency: &Latency) -> String {
    let log = |ns: u64| (ns.max(1) as f64).ln();
    let starts = latency.histogram().map(|(values, count)| (*values.start(), count));
    let starts: Vec<(u64, u64)> = starts.collect();
    let (first, last) = match (starts.first(), starts.last()) {
        (Some(first), Some(last)) => (first.0, last.0),
        _ => (0, 0),
    };
    let width = (log(last) - log(first)).max(1e-9);
    let mut columns = [0_u64; CHART];
    for (start, count) in starts {
        let column = ((log(start) - log(first)) / width * (CHART - 1) as f64).round() as usize;
        columns[column.min(CHART - 1)] += count;
    }
    let most = columns.iter().copied().max().unwrap_or(1).max(1);
    // Seldom and late is what one looks for: heights are logarithmic, too.
    let scale = ((most + 1) as f64).ln();
    let bar = |count: &u64| match count {
        0 => ' ',
        count => BARS[(((count + 1) as f64).ln() / scale * 7.0).round() as usize],
    };
    let line: String = columns.iter().map(bar).collect();
    format!("{:6}{} |{line}| {}", "", Duration(first), Duration(latency.max_ns()))
}
