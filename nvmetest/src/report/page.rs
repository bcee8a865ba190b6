//! The page: its head, and the order of its parts.

use maud::DOCTYPE;
use maud::Markup;
use maud::PreEscaped;
use maud::html;

use super::areas;
use super::comparison::Comparison;
use super::devices;
use super::finding;
use super::glance;
use super::performance;
use super::requirements;
use super::run;
use super::text::Said;
use super::view::View;
use crate::results::Results;

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// No request of any kind is allowed to leave the page.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/// Makes the whole page.
pub(super) fn page(view: &View<'_>, against: Option<&Results>) -> Markup {
    let comparison = against.map(|earlier| Comparison::new(view, earlier));
    // What is worth most of the room for excerpts comes first.
    let parts = [
        ("notes", "Notes", run::alarm(view)),
        ("findings", "Findings", finding::findings(view)),
        ("changes", "Changes", comparison.as_ref().and_then(Comparison::section)),
        ("requirements", "Requirements", requirements::section(view)),
        ("tests", "Tests", areas::section(view)),
        ("performance", "Performance", performance::section(view)),
        ("devices", "Devices", devices::section(view)),
        ("run", "Run", Some(run::section(view))),
    ];
    let title = view.results.devices.values().next().map_or("", |device| device.model.trim());
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href="data:,";
                title { (glance::verdict(view)) " – " (Said::name(title)) " – nvmetest" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the results" }
                nav aria-label="Sections" {
                    div.bar {
                        a.brand href="#top" { "nvmetest" }
                        ul {
                            @for (id, name, part) in &parts {
                                @if part.is_some() { li { a href={ "#" (id) } { (name) } } }
                            }
                        }
                        button #theme type="button" hidden { span { "Theme: " } "system" }
                    }
                }
                main #main tabindex="-1" {
                    (glance::header(view))
                    @for (id, name, part) in &parts {
                        @if let Some(part) = part {
                            section id=(id) aria-labelledby={ (id) "-title" } {
                                h2 id={ (id) "-title" } { (name) }
                                (part)
                            }
                        }
                    }
                }
                footer {
                    p { "Made by nvmetest from results.jsonl; the record is that file, and this page one view of it." }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}
