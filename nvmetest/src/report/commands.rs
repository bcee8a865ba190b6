//! How long commands took, over all tests: for each opcode the longest, where that was, and what it may be.

use std::collections::BTreeMap;

use maud::Markup;
use maud::html;

use super::text::Said;
use super::text::grouped;
use super::text::latency;
use super::view::View;
use crate::results::CommandTimes;

/// So many rows are on the page: there are not so many opcodes.
const ROWS: usize = 600;

/// The commands of one opcode on one device.
struct Row<'r> {
    count: u64,
    pending: u64,
    longest_ns: u64,
    test: &'r str,
    times: &'r CommandTimes,
    /// The least that a profile allows for the longest.
    most_ns: Option<u64>,
}

/// Returns the table, if the results have times of commands.
pub(super) fn table(view: &View<'_>) -> Option<Markup> {
    let mut rows: BTreeMap<(Option<u32>, bool, &str), Row<'_>> = BTreeMap::new();
    for test in &view.tests {
        let attempts = test.outcome.attempts.iter();
        for (attempt, times) in attempts.flat_map(|it| it.commands.iter().map(move |of| (it, of))) {
            let longest_ns = times.at(100.0).unwrap_or_default();
            let device = Some(attempt.device).filter(|_| 1 < view.results.devices.len());
            let row = rows.entry((device, !times.admin, &times.command)).or_insert(Row {
                count: 0,
                pending: 0,
                longest_ns,
                test: &attempt.test,
                times,
                most_ns: None,
            });
            row.count = row.count.saturating_add(times.count);
            row.pending = row.pending.saturating_add(times.pending);
            if row.longest_ns < longest_ns {
                (row.longest_ns, row.test, row.times) = (longest_ns, &attempt.test, times);
            }
            let limits = times.limits.iter().filter(|(at, _)| *at == 100.0);
            row.most_ns = limits.map(|&(_, ns)| ns).chain(row.most_ns).min();
        }
    }
    let several = 1 < view.results.devices.len();
    (!rows.is_empty()).then(|| html! {
        h3 { "Commands" }
        p.quiet { "By the command logs of the tests, as the host saw it: a command of a test that looks late is late." }
        div.scroll role="region" aria-label="Commands" tabindex="0" {
            table {
                thead { tr { @if several { th scope="col" { "Device" } } th scope="col" { "Command" } th.n scope="col" { "Sent" }
                    th.n scope="col" { "Longest" } th.n scope="col" { "At most" } th scope="col" { "Which was" }
                    th scope="col" { "In" } } }
                tbody { @for ((device, io, command), row) in rows.iter().take(ROWS) {
                    tr { @if several { td { @if let Some(device) = device { (device) } } }
                        th scope="row" { (Said::name(command)) " " span.quiet { @if *io { "I/O" } @else { "admin" } } }
                        td.n { (grouped(i64::try_from(row.count).unwrap_or(i64::MAX)))
                            @if row.pending != 0 { " " span.quiet { "(" (row.pending) " never completed)" } } }
                        td.n { (latency(row.longest_ns as f64)) }
                        td.n { @if let Some(most) = row.most_ns { (latency(most as f64)) } @else { "–" } }
                        td { @if row.most_ns.is_some_and(|most| most < row.longest_ns) { b.v.fail { "Beyond" } " " }
                            code.wrap { (Said::lines(&row.times.slowest, 300)) } }
                        td { (Said::name(row.test)) } }
                } }
            }
        }
    })
}
