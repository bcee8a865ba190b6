//! How far what is measured may go.

use std::collections::BTreeSet;

use super::breach::Breach;
use super::file;
use crate::document::Document;
use crate::document::Mistake;
use crate::results::Attempt;
use crate::results::Health;
use crate::results::Measurement;
use crate::results::Moment;
use crate::results::Results;
use crate::runner::Verdict;
use crate::spec::AdminOpcode;
use crate::spec::NvmOpcode;

/// The percentiles of latencies that are kept, and that a profile can limit. The last is the maximum.
pub const PERCENTILES: [f64; 7] = [1.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0];

/// The fields of the SMART / Health Information (Base 5.1.12.1.3) that a profile can limit, by their names.
pub const HEALTH: [&str; 21] = [
    "CW", "CTEMP", "AVSP", "AVSPT", "PUSED", "DUR", "DUW", "HRC", "HWC", "CBT", "PWRC", "POH",
    "UPL", "MDIE", "NEILE", "WCTT", "CCTT", "TMT1TC", "TMT2TC", "TTTMT1", "TTTMT2",
];

/// The limits of a profile.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Limits {
    latency: Vec<LatencyLimit>,
    health: Vec<HealthLimit>,
}

#[derive(Debug, Clone, PartialEq)]
struct LatencyLimit {
    /// The command as in the name of a measurement: `write_zeroes`.
    command: String,
    at: f64,
    most_ns: u64,
    source: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct HealthLimit {
    field: String,
    most: Option<u64>,
    least: Option<u64>,
    grows: Option<u64>,
    source: Option<String>,
}

impl Limits {
    pub(super) fn of(file: file::Limits, document: &Document) -> Result<Self, Mistake> {
        let mut limits = Self::default();
        for latency in file.latency {
            limits.add_latency(latency, document)?;
        }
        for health in file.health {
            limits.add_health(health, document)?;
        }
        Ok(limits)
    }

    fn add_latency(&mut self, limit: file::Latency, document: &Document) -> Result<(), Mistake> {
        let span = limit.at.span();
        let at = percentile(limit.at.get_ref()).ok_or_else(|| {
            let known: Vec<String> = PERCENTILES.into_iter().map(percentile_name).collect();
            let what = format!(
                "`{}` is not measured; what is measured is {}",
                limit.at.get_ref(),
                known.join(", ")
            );
            document.mistake(span.clone(), what)
        })?;
        let most_ns = u64::try_from(limit.most.0.as_nanos()).unwrap_or(u64::MAX);
        for command in &limit.commands {
            let name = command_name(command.get_ref());
            if !opcodes().contains(&name) {
                let what = format!(
                    "there is no command `{}`; write a name of the standard, such as \"read\" or \"write_zeroes\"",
                    command.get_ref()
                );
                return Err(document.mistake(command.span(), what));
            }
            if self.latency.iter().any(|other| other.command == name && other.at == at) {
                let what =
                    format!("{} of {name} is limited twice; delete one", percentile_name(at));
                return Err(document.mistake(command.span(), what));
            }
            let source = limit.source.clone();
            self.latency.push(LatencyLimit { command: name, at, most_ns, source });
        }
        Ok(())
    }

    fn add_health(&mut self, limit: file::Health, document: &Document) -> Result<(), Mistake> {
        let file::Health { field, most, least, grows, source } = limit;
        let refuse = |what| Err(document.mistake(field.span(), what));
        let name = field.get_ref();
        if !HEALTH.contains(&&**name) {
            return refuse(format!(
                "`{name}` is no field of the SMART / Health Information; the fields are {}",
                HEALTH.join(", ")
            ));
        }
        if (most, least, grows) == (None, None, None) {
            return refuse(format!(
                "`{name}` has no limit; give `most`, `least` or `grows`, or delete it"
            ));
        }
        if most.zip(least).is_some_and(|(most, least)| most < least) {
            return refuse(format!(
                "nothing can be at most {} and at least {}",
                most.unwrap_or_default(),
                least.unwrap_or_default()
            ));
        }
        if self.health.iter().any(|other| other.field == *name) {
            return refuse(format!("`{name}` is limited twice; write one table"));
        }
        self.health.push(HealthLimit { field: name.clone(), most, least, grows, source });
        Ok(())
    }

    /// Compares what an attempt measured with what it may be. A pass with a figure beyond its limit becomes a failure.
    pub(super) fn judge(&self, attempt: &mut Attempt) {
        for limit in &self.latency {
            limit.take_from_workers(attempt);
            let name = limit.name();
            for measured in attempt.measured.iter_mut().filter(|measured| measured.name == name) {
                // Nanoseconds that f64 does not hold exactly are more than a hundred days.
                let most = limit.most_ns as f64;
                measured.limit = Some(most);
                if measured.value <= most {
                    continue;
                }
                let sentence = format!(
                    "{name} is {:.0} ns, and may be {} ns{}",
                    measured.value,
                    limit.most_ns,
                    from(&limit.source)
                );
                if !attempt.message.is_empty() {
                    attempt.message.push('\n');
                }
                attempt.message.push_str(&sentence);
                if attempt.verdict == Verdict::Pass {
                    attempt.verdict = Verdict::Fail;
                    attempt.found = Verdict::Fail;
                }
            }
        }
    }

    /// Compares what the devices said of their health with what they may say.
    pub(super) fn breaches(&self, results: &Results, breaches: &mut Vec<Breach>) {
        for &device in results.devices.keys() {
            let of = |when| move |health: &&Health| health.device == device && health.when == when;
            let before = results.health.iter().find(of(Moment::Before));
            let after = results.health.iter().rev().find(of(Moment::After));
            for limit in &self.health {
                for what in limit.breaches(before, after) {
                    breaches.push(Breach { device: Some(device), test: None, what });
                }
            }
        }
    }
}

impl LatencyLimit {
    fn name(&self) -> String {
        format!("{}.{}", self.command, percentile_name(self.at))
    }

    /// Adds the worst figure of the attempt's workers to what was measured, unless it is there.
    fn take_from_workers(&self, attempt: &mut Attempt) {
        let name = self.name();
        if attempt.measured.iter().any(|measured| measured.name == name) {
            return;
        }
        let commands = attempt.workers.iter().flat_map(|worker| &worker.latency);
        let same = commands.filter(|(command, _)| command_name(command) == self.command);
        let figures = same.flat_map(|(_, figures)| figures);
        let worst = figures.filter(|(at, _)| (at - self.at).abs() < 1e-9).map(|&(_, ns)| ns).max();
        if let Some(worst) = worst {
            let unit = "ns".to_owned();
            attempt.measured.push(Measurement { name, value: worst as f64, unit, limit: None });
        }
    }
}

impl HealthLimit {
    fn breaches(&self, before: Option<&Health>, after: Option<&Health>) -> Vec<String> {
        let Self { field, most, least, grows, source } = self;
        let of = |health: Option<&Health>| health?.values.get(field).copied();
        let source = from(source);
        let Some(after) = of(after) else {
            return vec![format!("{field} is limited, and is not known after the tests{source}")];
        };
        let mut breaches = Vec::new();
        if let Some(most) = most.filter(|&most| most < after) {
            breaches.push(format!("{field} is {after}, and may be {most}{source}"));
        }
        if let Some(least) = least.filter(|&least| after < least) {
            breaches
                .push(format!("{field} is {after}, and has to be {least} at the least{source}"));
        }
        if let Some(grows) = grows {
            match of(before) {
                None => breaches
                    .push(format!("{field} is limited, and is not known before the tests{source}")),
                Some(before) if *grows < after.saturating_sub(before) => breaches.push(format!(
                    "{field} grew from {before} to {after}, and may grow by {grows}{source}"
                )),
                Some(_) => {}
            }
        }
        breaches
    }
}

fn from(source: &Option<String>) -> String {
    source.as_ref().map(|source| format!(" ({source})")).unwrap_or_default()
}

/// Returns the name of a command as it stands in the name of a measurement: `Write Zeroes` is `write_zeroes`.
pub(super) fn command_name(name: &str) -> String {
    name.to_lowercase().replace([' ', '-'], "_").replace('/', "")
}

fn opcodes() -> BTreeSet<String> {
    let admin = AdminOpcode::NAMED.iter().filter_map(|opcode| opcode.name());
    let nvm = NvmOpcode::NAMED.iter().filter_map(|opcode| opcode.name());
    admin.chain(nvm).map(command_name).collect()
}

fn percentile(text: &str) -> Option<f64> {
    PERCENTILES.into_iter().find(|&at| percentile_name(at) == text)
}

fn percentile_name(at: f64) -> String {
    if at == 100.0 { "max".to_owned() } else { format!("p{at}") }
}
