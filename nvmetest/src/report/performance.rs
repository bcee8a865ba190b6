//! What was measured: figures against their limits, latencies and rates of IOWorkers.

use maud::Markup;
use maud::html;

use super::commands;
use super::plot;
use super::plot::Series;
use super::text::Said;
use super::text::figure;
use super::text::grouped;
use super::text::latency;
use super::view::Tested;
use super::view::View;
use crate::results::Attempt;
use crate::results::Measurement;
use crate::results::Worker;

/// So many figures are on the page, and so many workers.
const FIGURES: usize = 2_000;
const WORKERS: usize = 200;

/// So many workers are open from the beginning.
const OPEN: usize = 4;

pub(super) fn section(view: &View<'_>) -> Option<Markup> {
    let ran = || {
        view.tests.iter().flat_map(|test| {
            test.outcome.attempts.last().into_iter().map(move |attempt| (test, *attempt))
        })
    };
    let measured: Vec<_> =
        ran().flat_map(|(test, it)| it.measured.iter().map(move |figure| (test, figure))).collect();
    let workers: Vec<_> = ran()
        .flat_map(|(test, it)| it.workers.iter().map(move |worker| (test, it, worker)))
        .collect();
    let commands = commands::table(view);
    if measured.is_empty() && workers.is_empty() && commands.is_none() {
        return None;
    }
    Some(html! {
        @if !measured.is_empty() { (figures(&measured)) }
        @if let Some(commands) = commands { (commands) }
        @for (index, (test, attempt, it)) in workers.iter().take(WORKERS).enumerate() {
            (worker(view, test, attempt, it, index < OPEN))
        }
        @if WORKERS < workers.len() { p.quiet { "… and " (workers.len() - WORKERS) " workers more, which results.jsonl has." } }
    })
}

fn figures(measured: &[(&Tested<'_>, &Measurement)]) -> Markup {
    let limited = |it: &Measurement| it.limit.is_some() || it.at_least.is_some();
    let mut rows: Vec<_> = measured.iter().collect();
    rows.sort_by_key(|(_, it)| (!it.is_beyond(), !limited(it)));
    html! {
        h3 { "Figures and limits" }
        div.scroll role="region" aria-label="Figures and limits" tabindex="0" {
            table {
                thead { tr { th scope="col" { "Test" } th scope="col" { "Figure" } th.n scope="col" { "Measured" }
                    th.n scope="col" { "At least" } th.n scope="col" { "At most" } th scope="col" { "" span.hidden { "Within the limit" } } } }
                tbody { @for (test, it) in rows.iter().take(FIGURES) {
                    tr { th scope="row" { (Said::name(&test.outcome.planned.test)) } td { (Said::name(&it.name)) }
                        td.n { (value(it.value, &it.unit)) }
                        @for limit in [it.at_least, it.limit] {
                            td.n { @if let Some(limit) = limit { (value(limit, &it.unit)) } @else { "–" } }
                        }
                        td { @if it.is_beyond() { b.v.fail { "Beyond" } } @else if limited(it) { b.v.pass { "Within" } } } }
                } }
            }
        }
        @if FIGURES < rows.len() { p.quiet { "… and " (rows.len() - FIGURES) " figures more, which results.jsonl has." } }
    }
}

fn value(value: f64, unit: &str) -> Markup {
    match unit {
        "ns" => html! { (latency(value)) },
        _ => html! { (figure(value)) " " (Said::name(unit)) },
    }
}

fn worker(
    view: &View<'_>,
    test: &Tested<'_>,
    attempt: &Attempt,
    it: &Worker,
    open: bool,
) -> Markup {
    let plots = view.has_room().then(|| plots(it)).filter(|plots| view.take(plots.0.len()));
    html! {
        details.group open[open && plots.is_some()] {
            summary { h3 { (Said::name(&it.name)) " " span.quiet { (Said::name(&test.outcome.planned.test)) } }
                span.tail { (figure(it.iops)) " IOPS" @if it.errors != 0 { " " b.v.fail { (it.errors) " errors" } } } }
            p.quiet { (grouped(i64::try_from(it.commands).unwrap_or(i64::MAX))) " commands, " (it.errors) " errors, attempt " (attempt.attempt) }
            @match plots { Some(plots) => (plots), None => p.quiet { "To keep this page small, the plots are left out." } }
        }
    }
}

fn plots(it: &Worker) -> Markup {
    let latencies: Vec<Series<'_>> = it
        .latency
        .iter()
        .take(plot::SERIES)
        .map(|(name, points)| {
            // No axis of nines has a place for the maximum; the table has it.
            let below = points.iter().take(64).filter(|point| point.0 < 100.0);
            let points = below.map(|&(percentile, ns)| (percentile, ns as f64));
            Series { name, points: points.collect() }
        })
        .collect();
    let step = f64::from(it.step_s.max(1));
    let points = it.seconds.iter().take(600).enumerate();
    let points = points.map(|(index, &count)| (index as f64 * step, f64::from(count) / step));
    let rate = Series { name: "IOPS", points: points.collect() };
    html! {
        div.plots {
            @if !latencies.is_empty() {
                figure { figcaption { "Latency by percentile" }
                    (plot::percentiles("Latency by percentile; the figures are in the table below", &latencies)) }
            }
            @if 1 < rate.points.len() {
                figure { figcaption { "IOPS over time" }
                    (plot::rate(&format!("IOPS over time, {} on average", figure(it.iops)), "seconds", &[rate])) }
            }
        }
        @if !it.latency.is_empty() { (table(it)) }
    }
}

/// The same latencies as figures, for who does not see the plot.
fn table(it: &Worker) -> Markup {
    let mut percentiles: Vec<f64> = Vec::new();
    for (percentile, _) in
        it.latency.iter().take(plot::SERIES).flat_map(|(_, points)| points.iter().take(16))
    {
        if !percentiles.contains(percentile) {
            percentiles.push(*percentile);
        }
    }
    percentiles.truncate(16);
    percentiles.sort_by(f64::total_cmp);
    let at = |points: &[(f64, u64)], percentile: f64| {
        points.iter().find(|point| point.0 == percentile).map(|point| latency(point.1 as f64))
    };
    html! {
        div.scroll role="region" aria-label="Latencies" tabindex="0" {
            table {
                thead { tr { th scope="col" { "Command" }
                    @for percentile in &percentiles { th.n scope="col" { @if *percentile < 100.0 { "P" (percentile) } @else { "Max" } } } } }
                tbody { @for (name, points) in it.latency.iter().take(64) {
                    tr { th scope="row" { (Said::name(name)) }
                        @for percentile in &percentiles { td.n { (at(points, *percentile).unwrap_or_default()) } } }
                } }
            }
        }
    }
}
