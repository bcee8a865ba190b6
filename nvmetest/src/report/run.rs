//! What happened beside the tests, and what the run was told.

use maud::Markup;
use maud::html;

use super::mark;
use super::text::Said;
use super::text::count;
use super::text::duration;
use super::view::View;
use crate::results::Note;
use crate::results::Subject;
use crate::results::utc::Utc;
use crate::runner::Verdict;

/// So many notes, and names of missing tests, are listed.
const MAX: usize = 2_000;

/// The notes, and the missing tests: told first if the run is not complete, or anything happened in it.
pub(super) fn alarm(view: &View<'_>) -> Option<Markup> {
    let missing: Vec<_> = view.tests.iter().filter(|test| test.is_missing()).collect();
    if view.incomplete().is_none() && missing.is_empty() && view.results.notes.is_empty() {
        return None;
    }
    Some(html! {
        @if let Some(why) = view.incomplete() {
            p.alarm { strong { "The run is not complete: " (why) "." }
                " What is below is true of what ran, and of nothing else."
                @if !view.results.begun.is_empty() {
                    " When it went down there ran "
                    @for (index, begun) in view.results.begun.iter().take(64).enumerate() {
                        @if index != 0 { ", " } code { (Said::name(&begun.test)) }
                    }
                    "."
                } }
        }
        @if !view.results.notes.is_empty() {
            ol.notes { @for note in view.results.notes.iter().take(MAX) { (line(note)) } }
        }
        @if !missing.is_empty() {
            details.missing {
                summary { (mark::badge(Verdict::Missing)) " " (count(missing.len(), "test"))
                    " reported nothing. A missing test is never a pass." }
                ul.names { @for test in missing.iter().take(MAX) {
                    li { code { (Said::name(&test.outcome.planned.test)) }
                        @if let Some(device) = view.device(&test.outcome) {
                            " " span.quiet { (Said::name(&device.uri)) } } }
                } }
                @if MAX < missing.len() { p { "… and " (missing.len() - MAX) " more; the table of tests has all." } }
            }
        }
    })
}

fn line(note: &Note) -> Markup {
    let about = match note.about {
        Subject::Lost => "Device lost",
        Subject::Recovered => "Recovered",
        Subject::Quarantined => "Quarantined",
        Subject::Interrupted => "Interrupted",
        Subject::Resumed => "Resumed",
        _ => "Note",
    };
    html! {
        li {
            time { (Utc(note.at_ms)) }
            strong { (about) }
            span { (Said::lines(&note.text, 2_000))
                @if let Some(test) = &note.test { " " code { (Said::name(test)) } }
                @if let Some(device) = note.device { " " span.quiet { "device " (device) } } }
        }
    }
}

/// What each part of the run was told, and how it ended.
pub(super) fn section(view: &View<'_>) -> Markup {
    html! {
        div.scroll role="region" aria-label="Parts of the run" tabindex="0" {
            table {
                thead { tr { th scope="col" { "Run" } th scope="col" { "Host" } th scope="col" { "Shard" }
                    th scope="col" { "Started" } th scope="col" { "Command" } } }
                tbody { @for run in view.results.runs.iter().take(200) {
                    tr {
                        td { code { (Said::name(&run.id)) } }
                        td { (Said::name(&run.host)) }
                        td { @if let Some(shard) = run.shard { (shard.index) "/" (shard.count) } @else { "–" } }
                        td.nowrap { time { (Utc(run.started_ms)) } }
                        td { code.wrap { (Said::lines(&run.command.join(" "), 2_000)) } }
                    }
                } }
            }
        }
        ul.ends { @for end in view.results.ends.iter().take(200) {
            li { "Ended as " strong { (format!("{:?}", end.reason).to_lowercase()) } " with exit code "
                strong { (end.exit) } " after " (duration(end.took_ms.saturating_mul(1000))) "." }
        } }
    }
}
