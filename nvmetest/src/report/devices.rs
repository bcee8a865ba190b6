//! The devices: their health before and after, and what they chose of what the standard leaves open.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use maud::Markup;
use maud::html;

use super::text::Said;
use super::text::count;
use super::view::View;
use crate::results::Device;
use crate::results::Health;
use crate::results::Moment;

/// So many fields of a device are shown.
const MAX: usize = 500;

pub(super) fn section(view: &View<'_>) -> Option<Markup> {
    let devices = &view.results.devices;
    if devices.is_empty() && view.results.health.is_empty() {
        return None;
    }
    Some(html! {
        @for device in devices.values() { (health(view, device)) }
        (choices(view))
    })
}

fn health(view: &View<'_>, device: &Device) -> Markup {
    let of = |it: &&Health| it.device == device.device;
    let values = |when: Moment| {
        let mut all = view.results.health.iter().filter(of).filter(move |it| it.when == when);
        // Of a run that was resumed: before all of it, and after all of it.
        if when == Moment::Before { all.next() } else { all.next_back() }
    };
    let (before, after) = (values(Moment::Before), values(Moment::After));
    let names: BTreeSet<&String> =
        before.iter().chain(after.iter()).flat_map(|health| health.values.keys()).collect();
    let get =
        |health: Option<&Health>, name: &str| health.and_then(|it| it.values.get(name)).copied();
    let changed = |name: &&&String| {
        get(before, name) != get(after, name) && before.is_some() && after.is_some()
    };
    let changes = names.iter().filter(changed).count();
    html! {
        details.group open[changes != 0] {
            summary { h3 { (Said::name(device.model.trim())) " " span.quiet { "SN " (Said::name(device.serial.trim()))
                    ", FW " (Said::name(device.firmware.trim())) } }
                span.tail { @if names.is_empty() { "no SMART" } @else { (count(changes, "change")) " in SMART" } } }
            @if names.is_empty() { p.quiet { "The SMART / Health Information log page was not recorded." } }
            @else {
                @if after.is_none() { p.quiet { "There is none from after the tests: the run ended before, or the device was lost." } }
                div.scroll role="region" aria-label="SMART before and after" tabindex="0" {
                    table {
                        thead { tr { th scope="col" { "SMART / Health Information" } th.n scope="col" { "Before" }
                            th.n scope="col" { "After" } th.n scope="col" { "Change" } } }
                        tbody { @for name in names.iter().take(MAX) {
                            tr.changed[changed(&name)] {
                                th scope="row" { (Said::name(name))
                                    @if let Some(title) = title(name) { " " span.quiet { (title) } } }
                                td.n { (shown(get(before, name))) }
                                td.n { (shown(get(after, name))) }
                                td.n { @if changed(&name) { strong { "Δ " (change(get(before, name), get(after, name))) } } }
                            }
                        } }
                    }
                }
            }
        }
    }
}

/// Returns what a field of the SMART / Health Information log page is called (Base 5.1.12.1.3).
fn title(name: &str) -> Option<&'static str> {
    let title = match name {
        "CW" => "Critical Warning",
        "CTEMP" => "Composite Temperature, kelvins",
        "AVSP" => "Available Spare, %",
        "AVSPT" => "Available Spare Threshold, %",
        "PUSED" => "Percentage Used",
        "DUR" => "Data Units Read",
        "DUW" => "Data Units Written",
        "HRC" => "Host Read Commands",
        "HWC" => "Host Write Commands",
        "CBT" => "Controller Busy Time, minutes",
        "PWRC" => "Power Cycles",
        "POH" => "Power On Hours",
        "UPL" => "Unexpected Power Losses",
        "MDIE" => "Media and Data Integrity Errors",
        "NEILE" => "Number of Error Information Log Entries",
        "WCTT" => "Warning Composite Temperature Time, minutes",
        "CCTT" => "Critical Composite Temperature Time, minutes",
        "TMT1TC" => "Thermal Management Temperature 1 Transition Count",
        "TMT2TC" => "Thermal Management Temperature 2 Transition Count",
        "TTTMT1" => "Total Time For Thermal Management Temperature 1, seconds",
        "TTTMT2" => "Total Time For Thermal Management Temperature 2, seconds",
        _ => return None,
    };
    Some(title)
}

fn shown(value: Option<u64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| value.to_string())
}

fn change(before: Option<u64>, after: Option<u64>) -> String {
    let (Some(before), Some(after)) = (before, after) else { return "new or gone".to_owned() };
    let sign = if before <= after { '+' } else { '−' };
    format!("{sign}{}", before.abs_diff(after))
}

/// A row for each field, so that drives can be compared.
fn choices(view: &View<'_>) -> Markup {
    let devices: Vec<&Device> = view.results.devices.values().collect();
    let mut rows: BTreeMap<(&str, &str), Vec<Option<&str>>> = BTreeMap::new();
    for (column, device) in devices.iter().enumerate() {
        for choice in &device.choices {
            let row = rows
                .entry((&choice.clause, &choice.name))
                .or_insert_with(|| vec![None; devices.len()]);
            row[column] = Some(&choice.value);
        }
    }
    if rows.is_empty() {
        return html! {};
    }
    let differs = |row: &[Option<&str>]| row.iter().any(|value| value != &row[0]);
    html! {
        details.group {
            summary { h3 { "Implementation choices" }
                span.tail { (count(rows.len(), "field")) " that the standard leaves open" } }
            div.scroll role="region" aria-label="Implementation choices" tabindex="0" {
                table {
                    thead { tr { th scope="col" { "Field" } th scope="col" { "Clause" }
                        @for device in &devices { th scope="col" { (Said::name(device.model.trim())) br;
                            span.quiet { (Said::name(device.serial.trim())) } } } } }
                    tbody { @for ((clause, name), row) in rows.iter().take(MAX) {
                        tr.changed[differs(row)] { th scope="row" { (Said::name(name)) } td { (Said::name(clause)) }
                            @for value in row { td { (Said::name(value.unwrap_or("–"))) } } }
                    } }
                }
            }
        }
    }
}
