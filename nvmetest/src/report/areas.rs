//! A table of tests for each area.

use std::collections::BTreeMap;

use maud::Markup;
use maud::html;

use super::mark;
use super::text::Said;
use super::text::count;
use super::text::duration;
use super::view::Tested;
use super::view::View;
use super::view::telling;
use super::view::took_us;

pub(super) fn section(view: &View<'_>) -> Option<Markup> {
    if view.tests.is_empty() {
        return None;
    }
    let mut areas: BTreeMap<&str, Vec<&Tested<'_>>> = BTreeMap::new();
    for test in &view.tests {
        areas.entry(&test.outcome.planned.area).or_default().push(test);
    }
    Some(html! {
        form #filter role="search" hidden {
            label for="find" { "Filter tests" }
            input #find type="search" placeholder="name, clause or device" autocomplete="off" spellcheck="false" aria-describedby="keys";
            div.chips role="group" aria-label="Verdicts to show" {
                @for (verdict, _) in view.tally() {
                    button type="button" aria-pressed="false" data-verdict=(mark::word(verdict)) { (mark::badge(verdict)) }
                }
            }
            p #found.quiet role="status" {}
            p #keys.quiet { kbd { "/" } " filter · " kbd { "j" } " " kbd { "k" } " next and previous finding · " kbd { "Esc" } " clear" }
        }
        @for (area, tests) in &areas { (table(view, area, tests)) }
    })
}

fn table(view: &View<'_>, area: &str, tests: &[&Tested<'_>]) -> Markup {
    let several = 1 < view.results.devices.len();
    let unexpected = tests.iter().filter(|it| view.is_unexpected(it.outcome.verdict)).count();
    let took = tests.iter().fold(0, |sum: u64, it| sum.saturating_add(took_us(&it.outcome)));
    html! {
        details.group.area open[unexpected != 0] {
            summary {
                h3 { (Said::name(area)) }
                span.tail { (count(tests.len(), "test")) ", " (duration(took)) " "
                    @if unexpected == 0 { b.v.pass { "as expected" } }
                    @else { b.v.fail { (unexpected) " not as expected" } } }
            }
            div.scroll role="region" aria-label={ "Tests of " (Said::name(area)) } tabindex="0" {
                table.tests {
                    thead { tr { th scope="col" { "Verdict" } th scope="col" { "Test" }
                        @if several { th scope="col" { "Device" } }
                        th scope="col" { "Clause" } th.n scope="col" { "Took" } } }
                    tbody { @for test in tests { (row(view, area, test, several)) } }
                }
            }
        }
    }
}

fn row(view: &View<'_>, area: &str, test: &Tested<'_>, several: bool) -> Markup {
    let outcome = &test.outcome;
    let planned = outcome.planned;
    // The area stands above the table.
    let name = planned.test.strip_prefix(area).and_then(|name| name.strip_prefix("::"));
    let name = name.unwrap_or(&planned.test);
    html! {
        tr {
            td { (mark::badge(outcome.verdict)) }
            th scope="row" {
                @if test.is_told() { a href={ "#" (test.anchor()) } { (Said::name(name)) } }
                @else { (Said::name(name))
                    @if let Some(attempt) = telling(outcome).filter(|it| !it.message.is_empty()) {
                        span.why { (Said::first_line(&attempt.message)) } } }
            }
            @if several { td { @if let Some(device) = view.device(outcome) { (Said::name(&device.uri)) } } }
            td { @if let Some(clause) = &planned.clause { (Said::name(clause)) } }
            td.n { @if outcome.attempts.is_empty() { "–" } @else { (duration(took_us(outcome))) } }
        }
    }
}
