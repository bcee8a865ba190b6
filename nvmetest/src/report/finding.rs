//! Each test that did not simply pass, with all that is known of it.

use maud::Markup;
use maud::PreEscaped;
use maud::Render;
use maud::html;

use super::evidence::Evidence;
use super::mark;
use super::text::Said;
use super::text::count;
use super::text::duration;
use super::view::Tested;
use super::view::View;
use super::view::telling;
use crate::cmdlog::Dump;
use crate::cmdlog::Timeline;
use crate::cmdlog::timeline_svg;
use crate::results::Attempt;
use crate::results::Waiver;
use crate::runner::Verdict;

/// So much of a message is on the page.
const MESSAGE: usize = 8 << 10;

/// So many commands are told before and behind the one that failed.
const NEIGHBOURS: usize = 8;

/// So many commands are in the picture.
const DRAWN: usize = 120;

/// The findings: what is unexpected, and then what was expected to fail, and flakes.
pub(super) fn findings(view: &View<'_>) -> Option<Markup> {
    let told: Vec<&Tested<'_>> = view.tests.iter().filter(|test| test.is_told()).collect();
    if told.is_empty() {
        return None;
    }
    let unexpected = |test: &&&Tested<'_>| view.is_unexpected(test.outcome.verdict);
    let mut first: Vec<&Tested<'_>> = told.iter().filter(unexpected).copied().collect();
    first.sort_by_key(|test| mark::rank(test.outcome.verdict));
    let rest: Vec<_> = told.iter().filter(|test| !unexpected(test)).copied().collect();
    let missing = view.tests.iter().filter(|test| test.is_missing()).count();
    Some(html! {
        @if first.is_empty() {
            p.calm { "Nothing is unexpected." }
        } @else {
            h3 { @if view.certifies() { (count(first.len(), "finding")) }
                @else { (count(first.len(), "test")) " not as expected" }
                @if missing != 0 { ", beside " (missing) " that " (if missing == 1 { "is" } else { "are" }) " missing" } }
            @for (index, test) in first.iter().enumerate() { (finding(view, test, first.len() == 1 && index == 0)) }
        }
        @if !rest.is_empty() {
            h3 { (count(rest.len(), "test")) " that " (if rest.len() == 1 { "is" } else { "are" }) " known: expected to fail, or flaky" }
            @for test in rest { (finding(view, test, false)) }
        }
    })
}

fn finding(view: &View<'_>, test: &Tested<'_>, open: bool) -> Markup {
    let outcome = &test.outcome;
    let attempt = telling(outcome);
    let message = attempt.map_or("", |attempt| &attempt.message);
    let waiver = attempt.and_then(|attempt| attempt.waiver.as_ref());
    let about = match waiver {
        Some(waiver) if outcome.verdict == Verdict::ExpectedFail => &waiver.reason,
        _ => message,
    };
    html! {
        details.finding.(mark::class(outcome.verdict)) id=(test.anchor()) open[open] {
            summary {
                (mark::badge(outcome.verdict))
                span.name { (Said::name(&outcome.planned.test)) }
                @if let Some(clause) = &outcome.planned.clause { span.clause { (Said::name(clause)) } }
                @if 1 < view.results.devices.len() && let Some(device) = view.device(outcome) {
                    span.clause { (Said::name(&device.uri)) }
                }
                @if view.certifies() && waiver.is_some() { span.clause { "has a waiver, which does not count" } }
                span.about { (Said::first_line(about)) }
            }
            div.body {
                @if let Some(attempt) = attempt { (body(view, test, attempt)) }
                @else { p { "The test reported nothing." } }
            }
        }
    }
}

fn body(view: &View<'_>, test: &Tested<'_>, attempt: &Attempt) -> Markup {
    let planned = test.outcome.planned;
    html! {
        (message(view, attempt))
        @if let Some(waiver) = &attempt.waiver { (waived(waiver, view.certifies())) }
        dl.facts {
            @if let Some(clause) = &planned.clause { div { dt { "Clause" } dd { (Said::name(clause)) } } }
            div { dt { "Test" } dd { code { (Said::name(&planned.file)) ":" (planned.line) } } }
            @if let Some(device) = view.device(&test.outcome) {
                div { dt { "Device" } dd { (Said::name(device.model.trim())) ", FW " (Said::name(device.firmware.trim())) } }
            }
            @if attempt.found != attempt.verdict {
                div { dt { "Seen" } dd { (mark::word(attempt.found)) ", before the baseline" } }
            }
            div { dt { "Took" } dd { (duration(attempt.took_us)) } }
            @if let Some(place) = &attempt.evidence { div { dt { "Evidence" } dd { code.wrap { (Said::name(place)) } } } }
        }
        @if 1 < test.outcome.attempts.len() { (attempts(&test.outcome.attempts)) }
        @if let Some(rerun) = &attempt.rerun {
            h4 { "Run it again" }
            div.command { pre tabindex="0" { code { (Said::lines(rerun, 2_000)) } } button.copy type="button" hidden { "Copy" } }
        }
        @if let Some(place) = &attempt.evidence { (evidence(view, place)) }
    }
}

fn message(view: &View<'_>, attempt: &Attempt) -> Markup {
    if attempt.message.is_empty() {
        return html! {};
    }
    let shown =
        |max| html! { pre.message tabindex="0" { (Said::lines(attempt.message.trim_end(), max)) } };
    let whole = shown(MESSAGE);
    // A page of nothing but failures still has the beginning of each.
    if view.take(whole.0.len()) { whole } else { shown(200) }
}

fn waived(waiver: &Waiver, certify: bool) -> Markup {
    html! {
        div.waiver {
            p { strong { "Waiver" } @if certify { " (does not count when certifying)" } ": "
                (Said::lines(&waiver.reason, 1_000)) }
            p.quiet { "Expected: " (mark::word(waiver.verdict)) " · Clause: " (Said::name(&waiver.clause))
                @if let Some(expires) = &waiver.expires { " · Expires: " (Said::name(expires)) }
                // Not an anchor: who follows a link of a baseline copies it on purpose.
                @if let Some(link) = &waiver.link { " · More: " code { (Said::name(link)) } } }
        }
    }
}

fn attempts(attempts: &[&Attempt]) -> Markup {
    html! {
        h4 { "Attempts" }
        ol.attempts { @for attempt in attempts.iter().take(50) {
            li { (mark::badge(attempt.verdict)) " after " (duration(attempt.took_us))
                @if !attempt.message.is_empty() { ": " (Said::first_line(&attempt.message)) } }
        } }
    }
}

/// The excerpt of the evidence, if there is room for it.
fn evidence(view: &View<'_>, place: &str) -> Markup {
    let left_out = || {
        html! { p.quiet { "To keep this page small, the excerpt of the evidence is left out; all of it is in the folder." } }
    };
    if !view.has_room() {
        return left_out();
    }
    let evidence = Evidence::read(view.folder, place);
    let excerpt = html! {
        @for complaint in &evidence.complaints { p.quiet { (Said::lines(complaint, 600)) } }
        @if let Some((dump, failing)) = evidence.failing() {
            h4 { "Around the command that failed" }
            (neighbourhood(dump, failing))
        }
        @if let Some(dump) = evidence.cmdlog.as_ref().filter(|dump| !dump.records.is_empty()) {
            h4 { "Commands over time" }
            div.timeline.scroll role="region" aria-label="Commands over time" tabindex="0" {
                (PreEscaped(timeline_svg(dump, &Timeline { commands: DRAWN, ..Timeline::default() })))
            }
        }
        @if let Some(source) = &evidence.source {
            h4 { "The test" }
            pre.source tabindex="0" { code { (Said::lines(source, 8 << 10)) } }
        }
        @if let Some(registers) = &evidence.registers {
            h4 { "Registers" }
            pre tabindex="0" { (Said::lines(registers, 4 << 10)) }
        }
    };
    if view.take(excerpt.0.len()) { excerpt } else { left_out() }
}

/// The commands before and behind the one that failed, as text.
fn neighbourhood(dump: &Dump, failing: usize) -> Markup {
    let start = failing.saturating_sub(NEIGHBOURS);
    let end = (failing + NEIGHBOURS + 1).min(dump.records.len());
    let excerpt = Dump {
        created_ns: dump.created_ns,
        created_unix_ns: dump.created_unix_ns,
        refused_rings: 0,
        rings: Vec::new(),
        records: dump.records[start..end].to_vec(),
        marks: Vec::new(),
        failing: Some(dump.records[failing].token),
    };
    let text = excerpt.text().to_string();
    html! {
        pre.commands tabindex="0" {
            @for line in text.lines() {
                @let said = Said::lines(line, 600).render();
                @if line.starts_with(">>>") { mark { (said) } } @else { (said) }
                "\n"
            }
        }
    }
}
