//! The verdict at a glance: a sentence, counts, and which drive this was.

use maud::Markup;
use maud::html;

use super::mark;
use super::text::Said;
use super::text::count;
use super::text::duration;
use super::text::grouped;
use super::view::View;
use crate::results::Device;
use crate::results::Mode;
use crate::results::utc::Utc;
use crate::runner::Verdict;

/// Returns the verdict in a word or two, also for the title of the window.
pub(super) fn verdict(view: &View<'_>) -> &'static str {
    match view.incomplete() {
        Some(_) => "The run is not complete",
        None if !is_well(view) => "Not as expected",
        None if view.certifies() => "No findings",
        None => "All as expected",
    }
}

/// Says of which part of a run this is, so that nobody takes it for the whole.
fn part(view: &View<'_>) -> Option<String> {
    let (shard, elsewhere) = view.results.part()?;
    let elsewhere = match elsewhere {
        Some(0) => "no test is elsewhere".to_owned(),
        Some(1) => "1 test is elsewhere".to_owned(),
        Some(tests) => {
            format!("{} tests are elsewhere", grouped(i64::try_from(tests).unwrap_or(i64::MAX)))
        }
        None => "the others have the rest of the tests".to_owned(),
    };
    Some(format!("This is shard {} of {}: {elsewhere}", shard.index, shard.count))
}

/// Whether everything is as expected, by the tests and by the exit code of the run.
fn is_well(view: &View<'_>) -> bool {
    view.ends().iter().all(|end| end.exit == 0) && view.unexpected().next().is_none()
}

pub(super) fn header(view: &View<'_>) -> Markup {
    let class = match (view.incomplete(), is_well(view)) {
        (Some(_), _) => "broken",
        // What is well here says nothing of the rest.
        (None, true) if view.results.part().is_some() => "part",
        (None, true) => "pass",
        (None, false) => "fail",
    };
    html! {
        header #top.{ "glance " (class) } {
            p.eyebrow { "Qualification report" }
            h1 { (verdict(view)) @if view.results.part().is_some() { ", in this shard" } }
            @if let Some(part) = part(view) {
                p.part { strong { (part) "." } " The verdict of the run is that of all its shards: join them with " code { "merge" } "." }
            }
            p.lead { (sentence(view)) }
            (counts(view))
            @if !view.results.devices.is_empty() {
                ul.drives aria-label="Devices" {
                    @for device in view.results.devices.values() { (drive(device)) }
                }
            }
            (facts(view))
        }
    }
}

/// Says what came out, in one sentence.
fn sentence(view: &View<'_>) -> String {
    let all = view.tests.len();
    let unexpected = view.unexpected().count();
    let certify = view.certifies();
    let mut text = match (unexpected, all) {
        (_, 0) => "No test was planned.".to_owned(),
        (0, _) if certify => format!("None of {} has a finding.", count(all, "test")),
        (0, 1) => "The one test ended as expected.".to_owned(),
        (0, _) => format!("All {} ended as expected.", count(all, "test")),
        (_, _) if certify => {
            format!(
                "{} of {} tests have a finding, waived or not.",
                grouped(unexpected as i64),
                grouped(all as i64)
            )
        }
        (_, _) => {
            format!(
                "{} of {} did not end as expected.",
                grouped(unexpected as i64),
                count(all, "test")
            )
        }
    };
    if let Some(why) = view.incomplete() {
        let (first, rest) = why.split_at(1);
        text = format!("{}{rest}. {text}", first.to_uppercase());
    } else if let Some(end) = view.ends().iter().find(|end| end.exit != 0 && unexpected == 0) {
        text += &format!(" And yet the run ended with exit code {}; see the notes.", end.exit);
    }
    text
}

/// The verdicts and how often there is each, as a strip and in words.
fn counts(view: &View<'_>) -> Markup {
    let tally = view.tally();
    let unexpected = |verdict: Verdict| {
        if view.is_unexpected(verdict) { "not as expected" } else { "as expected" }
    };
    html! {
        div.strip aria-hidden="true" {
            @for (verdict, count) in &tally {
                i class=(mark::class(*verdict)) style={ "flex-grow:" (count) } {}
            }
        }
        ul.counts aria-label="Verdicts" {
            @for (verdict, count) in &tally {
                li title=(unexpected(*verdict)) {
                    strong { (grouped(*count as i64)) } " " (mark::badge(*verdict))
                }
            }
        }
    }
}

fn drive(device: &Device) -> Markup {
    html! {
        li {
            strong { (Said::name(device.model.trim())) }
            span { "SN " code { (Said::name(device.serial.trim())) } }
            span { "FW " code { (Said::name(device.firmware.trim())) } }
            span { "NVMe " (Said::name(&device.version)) }
            span.quiet { (Said::name(&device.uri)) }
        }
    }
}

fn facts(view: &View<'_>) -> Markup {
    let Some(run) = view.run() else { return html! {} };
    let mode = match run.mode {
        Mode::Ci => "ci – baselines hold, what is unexpected runs again",
        Mode::Certify => "certify – each test runs once, and no waiver counts",
    };
    let shards: Vec<String> = view
        .results
        .runs
        .iter()
        .filter_map(|run| run.shard)
        .map(|shard| format!("{}/{}", shard.index, shard.count))
        .collect();
    let hosts: std::collections::BTreeSet<&str> =
        view.results.runs.iter().map(|run| &*run.host).collect();
    html! {
        dl.facts {
            div { dt { "Mode" } dd { (mode) } }
            div { dt { "Profile" } dd { (Said::name(&run.profile)) } }
            div { dt { "Seed" } dd { code { (run.seed) } } }
            div { dt { "Suite" } dd { (Said::name(&run.suite.name)) " " code { (Said::name(&run.suite.hash)) } } }
            div { dt { "Tool" } dd { "nvmetest " (Said::name(&run.tool)) } }
            div { dt { (if hosts.len() == 1 { "Host" } else { "Hosts" }) }
                dd { @for (index, host) in hosts.iter().take(20).enumerate() {
                    @if index != 0 { ", " } (Said::name(host))
                } } }
            @if !shards.is_empty() { div { dt { "Shards" } dd { (Said::name(&shards.join(", "))) } } }
            div { dt { "Started" } dd { time { (Utc(run.started_ms)) } } }
            @if let Some(took) = took_ms(view) {
                div { dt { "Took" } dd { (duration(took.saturating_mul(1000))) } }
            }
        }
    }
}

/// Returns how long it took: all its parts, if it was resumed or sharded.
fn took_ms(view: &View<'_>) -> Option<u64> {
    let ends = &view.results.ends;
    (!ends.is_empty()).then(|| ends.iter().fold(0, |sum: u64, end| sum.saturating_add(end.took_ms)))
}
