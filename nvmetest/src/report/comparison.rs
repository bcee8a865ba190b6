//! A run beside an earlier one.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;

use maud::Markup;
use maud::html;

use super::mark;
use super::text::Said;
use super::text::count;
use super::text::duration;
use super::text::latency;
use super::view::Tested;
use super::view::View;
use super::view::took_us;
use crate::results::Attempt;
use crate::results::Device;
use crate::results::Outcome;
use crate::results::Results;
use crate::results::utc::Utc;
use crate::runner::Verdict;

/// So many rows a table has at most.
const MAX: usize = 500;

/// What takes less than this is not compared: it is noise.
const NOTICED_US: u64 = 50_000;

/// A time has changed if it is so many times as long, or as short.
const NOTICED: f64 = 1.5;

/// What is otherwise than in an earlier run.
pub(super) struct Comparison<'r> {
    earlier: &'r Results,
    /// What is not alike in the runs themselves, each as a sentence.
    differences: Vec<String>,
    verdicts: Vec<Change<'r>>,
    new: Vec<&'r str>,
    gone: Vec<&'r str>,
    durations: Vec<(&'r str, u64, u64)>,
    latencies: Vec<(String, f64, f64)>,
}

struct Change<'r> {
    test: &'r str,
    anchor: Option<String>,
    before: Verdict,
    now: Verdict,
}

impl<'r> Comparison<'r> {
    pub(super) fn new(view: &View<'r>, earlier: &'r Results) -> Self {
        let counterpart = counterparts(view.results, earlier);
        let before = earlier.outcomes();
        let mut known: HashMap<(&str, Option<u32>), &Outcome<'r>> =
            before.iter().map(|it| ((&*it.planned.test, it.device), it)).collect();
        let mut comparison = Self {
            earlier,
            differences: differences(view.results, earlier),
            verdicts: Vec::new(),
            new: Vec::new(),
            gone: Vec::new(),
            durations: Vec::new(),
            latencies: Vec::new(),
        };
        for test in &view.tests {
            let name = &*test.outcome.planned.test;
            let device = test.outcome.device.map(|it| counterpart.get(&it).copied().unwrap_or(it));
            match known.remove(&(name, device)) {
                None => comparison.new.push(name),
                Some(before) => comparison.compare(test, before),
            }
        }
        let left: HashSet<_> = known.into_keys().collect();
        let gone = before.iter().filter(|it| left.contains(&(&*it.planned.test, it.device)));
        comparison.gone = gone.map(|it| &*it.planned.test).collect();
        // What got worse comes first.
        comparison.verdicts.sort_by_key(|it| (it.now.is_as_expected(), mark::rank(it.now)));
        comparison.durations.sort_by(|a, b| ratio(b.1, b.2).total_cmp(&ratio(a.1, a.2)));
        comparison.latencies.sort_by(|a, b| (b.2 / b.1).total_cmp(&(a.2 / a.1)));
        comparison
    }

    fn compare(&mut self, now: &Tested<'r>, before: &Outcome<'r>) {
        let test = &*now.outcome.planned.test;
        if now.outcome.verdict != before.verdict {
            let anchor = now.is_told().then(|| now.anchor());
            let verdict = now.outcome.verdict;
            self.verdicts.push(Change { test, anchor, before: before.verdict, now: verdict });
        }
        let times = (took_us(before), took_us(&now.outcome));
        let changed = !(1.0 / NOTICED..NOTICED).contains(&ratio(times.0, times.1));
        if changed && NOTICED_US <= times.0.max(times.1) && times.0 != 0 && times.1 != 0 {
            self.durations.push((test, times.0, times.1));
        }
        if let (Some(before), Some(now)) = (before.attempts.last(), now.outcome.attempts.last()) {
            self.compare_latencies(test, before, now);
        }
    }

    fn compare_latencies(&mut self, test: &str, before: &Attempt, now: &Attempt) {
        let named = |attempt: &'_ Attempt| -> BTreeMap<(String, String, u64), f64> {
            let mut all = BTreeMap::new();
            for worker in &attempt.workers {
                for (name, points) in &worker.latency {
                    for &(percentile, ns) in points.iter().take(64) {
                        let key = (worker.name.clone(), name.clone(), (percentile * 1e3) as u64);
                        all.insert(key, ns as f64);
                    }
                }
            }
            all
        };
        let old = named(before);
        for (key, ns) in named(now) {
            let Some(&before) = old.get(&key) else { continue };
            if 0.0 < before && !(1.0 / NOTICED..NOTICED).contains(&(ns / before)) {
                let (worker, command, percentile) = key;
                let percentile = percentile as f64 / 1e3;
                self.latencies.push((
                    format!("{test}: {worker}: {command} P{percentile}"),
                    before,
                    ns,
                ));
            }
        }
        for measured in now.measured.iter().filter(|it| it.unit == "ns") {
            let old = before.measured.iter().find(|it| it.name == measured.name && it.unit == "ns");
            let Some(old) = old.filter(|it| 0.0 < it.value) else { continue };
            if !(1.0 / NOTICED..NOTICED).contains(&(measured.value / old.value)) {
                self.latencies.push((
                    format!("{test}: {}", measured.name),
                    old.value,
                    measured.value,
                ));
            }
        }
    }

    pub(super) fn section(&self) -> Option<Markup> {
        let run = self.earlier.runs.first();
        Some(html! {
            p { "Beside the run " @if let Some(run) = run { code { (Said::name(&run.id)) } " of " time { (Utc(run.started_ms)) } } ": "
                (count(self.verdicts.len(), "verdict")) " changed, " (count(self.new.len(), "test")) " new, "
                (count(self.gone.len(), "test")) " gone." }
            @for sentence in &self.differences { p.alarm { (Said::lines(sentence, 600)) } }
            @if !self.verdicts.is_empty() { (self.verdicts()) }
            (names("New tests", &self.new))
            (names("Tests that are gone", &self.gone))
            @if !self.durations.is_empty() {
                (times("Durations", self.durations.iter().map(|it| (it.0.to_owned(), it.1 as f64 * 1e3, it.2 as f64 * 1e3)).collect(),
                    &|ns| duration((ns / 1e3) as u64)))
            }
            @if !self.latencies.is_empty() { (times("Latencies", self.latencies.clone(), &latency)) }
        })
    }

    fn verdicts(&self) -> Markup {
        html! {
            h3 { "Verdicts that changed" }
            div.scroll role="region" aria-label="Verdicts that changed" tabindex="0" {
                table { thead { tr { th scope="col" { "Test" } th scope="col" { "Before" } th scope="col" { "Now" } } }
                    tbody { @for change in self.verdicts.iter().take(MAX) {
                        tr { th scope="row" { @match &change.anchor {
                                Some(anchor) => a href={ "#" (anchor) } { (Said::name(change.test)) },
                                None => (Said::name(change.test)),
                            } }
                            td { (mark::badge(change.before)) } td { (mark::badge(change.now)) } }
                    } } }
            }
            @if MAX < self.verdicts.len() { p.quiet { "… and " (self.verdicts.len() - MAX) " more." } }
        }
    }
}

fn names(title: &str, names: &[&str]) -> Markup {
    html! {
        @if !names.is_empty() {
            details.group { summary { h3 { (title) } span.tail { (count(names.len(), "test")) } }
                ul.names { @for name in names.iter().take(MAX) { li { code { (Said::name(name)) } } } }
                @if MAX < names.len() { p.quiet { "… and " (names.len() - MAX) " more." } } }
        }
    }
}

fn times(title: &str, rows: Vec<(String, f64, f64)>, shown: &dyn Fn(f64) -> String) -> Markup {
    html! {
        details.group { summary { h3 { (title) } span.tail { (rows.len()) " changed by more than a half" } }
            div.scroll role="region" aria-label=(title) tabindex="0" {
                table { thead { tr { th scope="col" { "What" } th.n scope="col" { "Before" } th.n scope="col" { "Now" } th.n scope="col" { "Change" } } }
                    tbody { @for (name, before, now) in rows.iter().take(MAX) {
                        tr { th scope="row" { (Said::name(name)) } td.n { (shown(*before)) } td.n { (shown(*now)) }
                            td.n { (if before < now { "slower" } else { "faster" }) " ×" (format!("{:.1}", (now / before).max(before / now))) } }
                    } } }
            }
        }
    }
}

fn ratio(before: u64, now: u64) -> f64 {
    now as f64 / before.max(1) as f64
}

/// Finds for each device of `now` the one of `before` that it is: the same drive, or else the same place.
fn counterparts(now: &Results, before: &Results) -> HashMap<u32, u32> {
    let same = |a: &Device, b: &Device| (&a.serial, &a.model) == (&b.serial, &b.model);
    let counterpart = |device: &Device| {
        let place = before.devices.get(&device.device);
        let drive = before.devices.values().find(|other| same(device, other));
        place.filter(|other| same(device, other)).or(drive).or(place).map(|other| other.device)
    };
    now.devices.iter().filter_map(|(index, device)| Some((*index, counterpart(device)?))).collect()
}

fn differences(now: &Results, before: &Results) -> Vec<String> {
    let mut sentences = Vec::new();
    let (Some(run), Some(old)) = (now.runs.first(), before.runs.first()) else { return sentences };
    let mut compare = |what: &str, now: &str, before: &str| {
        if now != before {
            sentences.push(format!(
                "The runs do not have the same {what}: {before} before, and {now} now."
            ));
        }
    };
    compare("suite", &run.suite.hash, &old.suite.hash);
    compare("profile", &run.profile, &old.profile);
    compare("mode", &format!("{:?}", run.mode), &format!("{:?}", old.mode));
    for (index, other) in counterparts(now, before) {
        let (Some(device), Some(old)) = (now.devices.get(&index), before.devices.get(&other))
        else {
            continue;
        };
        compare("drive", device.serial.trim(), old.serial.trim());
        compare("model", device.model.trim(), old.model.trim());
        compare("firmware", device.firmware.trim(), old.firmware.trim());
    }
    sentences
}
