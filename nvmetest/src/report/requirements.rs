//! The requirement matrix: each clause of the standard that is tested, and what each device does about it.

use std::collections::BTreeMap;

use maud::Markup;
use maud::html;

use super::mark;
use super::text::Said;
use super::text::count;
use super::view::View;
use crate::runner::Verdict;

/// What a device does about a clause: how many of its tests have which verdict.
type Cell = BTreeMap<usize, usize>;

/// A clause, and a cell for each device.
type Clauses = BTreeMap<Clause, BTreeMap<Option<u32>, Cell>>;

/// What each device does about a clause.
type Row<'c> = (&'c Clause, &'c BTreeMap<Option<u32>, Cell>);

/// A clause in the order of the standard: 5.1.9 is before 5.1.10.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Clause {
    specification: String,
    numbers: Vec<u32>,
    /// The clause as the test has it.
    text: String,
}

impl Clause {
    /// Reads such as `Base 5.1.13.2.1`; what has no number has an order all the same.
    fn new(text: &str) -> Self {
        let words: Vec<&str> = text.split_whitespace().collect();
        let number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
        let place = words.iter().position(number).unwrap_or(words.len());
        let digits = words.get(place).map_or("", |word| word.trim_end_matches([',', ';', ':']));
        Self {
            specification: words[..place].join(" "),
            numbers: digits.split('.').map_while(|part| part.parse().ok()).collect(),
            text: words.join(" "),
        }
    }

    fn chapter(&self) -> (&str, Option<u32>) {
        (&self.specification, self.numbers.first().copied())
    }
}

/// Returns the title of a chapter (Base is NVM Express Base 2.1, NVM the NVM Command Set 1.1).
fn title(chapter: (&str, Option<u32>)) -> Option<&'static str> {
    let title = match chapter {
        ("Base", Some(2)) => "Theory of Operation",
        ("Base", Some(3)) => "NVM Express Architecture",
        ("Base", Some(4)) => "Data Structures",
        ("Base", Some(5)) => "Admin Command Set",
        ("Base", Some(6)) => "Fabrics Command Set",
        ("Base", Some(7)) => "I/O Commands",
        ("Base", Some(8)) => "Extended Capabilities",
        ("Base", Some(9)) => "Error Reporting and Recovery",
        ("NVM", Some(2)) => "NVM Command Set Model",
        ("NVM", Some(3)) => "I/O Commands",
        ("NVM", Some(4)) => "Admin Commands",
        ("NVM", Some(5)) => "Extended Capabilities",
        _ => return None,
    };
    Some(title)
}

pub(super) fn section(view: &View<'_>) -> Option<Markup> {
    let mut clauses = Clauses::new();
    let mut without = 0;
    let mut devices: Vec<Option<u32>> = Vec::new();
    for test in &view.tests {
        let Some(clause) = &test.outcome.planned.clause else {
            without += 1;
            continue;
        };
        let device = test.outcome.device;
        if !devices.contains(&device) {
            devices.push(device);
        }
        let cell = clauses.entry(Clause::new(clause)).or_default().entry(device).or_default();
        *cell.entry(mark::rank(test.outcome.verdict)).or_default() += 1;
    }
    if clauses.is_empty() {
        return None;
    }
    devices.sort();
    let mut chapters: Vec<Vec<Row<'_>>> = Vec::new();
    for clause in &clauses {
        match chapters.last_mut() {
            Some(chapter) if chapter[0].0.chapter() == clause.0.chapter() => chapter.push(clause),
            _ => chapters.push(vec![clause]),
        }
    }
    Some(html! {
        p.quiet { (count(clauses.len(), "clause")) " in " (count(chapters.len(), "chapter"))
            ". A clause has the worst verdict of its tests; after it, how many of them passed."
            @if without != 0 { " " (count(without, "test")) " without a clause." } }
        @for chapter in &chapters { (table(view, chapter, &devices)) }
    })
}

fn table(view: &View<'_>, chapter: &[Row<'_>], devices: &[Option<u32>]) -> Markup {
    let (specification, number) = chapter[0].0.chapter();
    let cells = || chapter.iter().flat_map(|(_, cells)| cells.values());
    let worst = cells().filter_map(|cell| cell.keys().min()).min().copied();
    let worst = worst.map_or(Verdict::Missing, |rank| mark::WORST_FIRST[rank]);
    let tests: usize = cells().flat_map(|cell| cell.values()).sum();
    html! {
        details.group open[view.is_unexpected(worst)] {
            summary { h3 { (Said::name(specification)) @if let Some(number) = number { " " (number) }
                    @if let Some(title) = title((specification, number)) { " " span.quiet { (title) } } }
                span.tail { (count(chapter.len(), "clause")) ", " (count(tests, "test")) " " (mark::badge(worst)) } }
            div.scroll role="region" aria-label={ "Clauses of " (Said::name(specification)) } tabindex="0" {
                table.matrix {
                    thead { tr { th scope="col" { "Clause" }
                        @for device in devices { th scope="col" { (heading(view, *device)) } } } }
                    tbody { @for (clause, cells) in chapter {
                        tr { th scope="row" { a.by href="#tests" data-find=(clause.text) { (Said::name(&clause.text)) } }
                            @for device in devices { td { (cell(cells.get(device))) } } }
                    } }
                }
            }
        }
    }
}

fn heading(view: &View<'_>, device: Option<u32>) -> Markup {
    match device.and_then(|device| view.results.devices.get(&device)) {
        Some(device) => {
            html! { (Said::name(device.model.trim())) br; span.quiet { (Said::name(device.serial.trim())) } }
        }
        None => html! { "no device" },
    }
}

fn cell(cell: Option<&Cell>) -> Markup {
    let Some(cell) = cell else { return html! { span.quiet { "–" } } };
    let worst = cell.keys().next().map_or(Verdict::Missing, |rank| mark::WORST_FIRST[*rank]);
    let passed = cell.get(&mark::rank(Verdict::Pass)).copied().unwrap_or_default();
    let all: usize = cell.values().sum();
    html! { (mark::badge(worst)) " " span.quiet { (passed) "/" (all) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_are_in_the_order_of_the_standard() {
        let mut clauses =
            ["NVM 3.3", "Base 5.1.10", "Base 5.1.9", "Base 5.1", "PCIe transport 3.1", "Base"]
                .map(Clause::new);
        clauses.sort();
        let texts = clauses.each_ref().map(|clause| &*clause.text);
        let order =
            ["Base", "Base 5.1", "Base 5.1.9", "Base 5.1.10", "NVM 3.3", "PCIe transport 3.1"];
        assert_eq!(texts, order);
        assert_eq!(Clause::new("PCIe  transport 3.1").chapter(), ("PCIe transport", Some(3)));
        assert_eq!(Clause::new("").chapter(), ("", None));
        assert_eq!(Clause::new("9.99999999999 x").numbers, [9]);
    }
}
