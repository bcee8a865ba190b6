//! How long commands may take.

use std::collections::BTreeSet;

use super::file;
use super::from;
use crate::document::Document;
use crate::document::Mistake;
use crate::results::Attempt;
use crate::results::Measurement;
use crate::spec::AdminOpcode;
use crate::spec::NvmOpcode;

/// The percentiles of latencies that are kept, and that a profile can limit. The last is the maximum.
pub const PERCENTILES: [f64; 7] = [1.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0];

/// How long commands of one opcode may take.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LatencyLimit {
    /// The command as in the name of a measurement: `write_zeroes`.
    command: String,
    at: f64,
    most_ns: u64,
    source: Option<String>,
}

impl LatencyLimit {
    pub(super) fn add(
        limits: &mut Vec<Self>,
        limit: file::Latency,
        document: &Document,
    ) -> Result<(), Mistake> {
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
            let refuse = |what| Err(document.mistake(command.span(), what));
            if !opcodes().contains(&name) {
                return refuse(format!(
                    "there is no command `{}`; write a name of the standard, such as \"read\" or \"write_zeroes\"",
                    command.get_ref()
                ));
            }
            if Some(&*name) == event_request().as_deref() {
                return refuse(
                    "an Asynchronous Event Request takes as long as nothing happens, and has no limit; delete it"
                        .to_owned(),
                );
            }
            if limits.iter().any(|other| other.command == name && other.at == at) {
                let at = percentile_name(at);
                return refuse(format!("{at} of {name} is limited twice; delete one"));
            }
            let source = limit.source.clone();
            limits.push(Self { command: name, at, most_ns, source });
        }
        Ok(())
    }

    fn name(&self) -> String {
        format!("{}.{}", self.command, percentile_name(self.at))
    }

    /// Puts the limit beside what the command log has of these commands. If they are beyond it, they are a measurement, too,
    /// and the one that took longest is returned.
    pub(super) fn take_from_log(&self, attempt: &mut Attempt) -> Option<String> {
        let same = |name: &str| command_name(name) == self.command;
        let times = attempt.commands.iter_mut().find(|times| same(&times.command))?;
        let took_ns = times.at(self.at)?;
        times.limits.retain(|(at, _)| *at != self.at);
        times.limits.push((self.at, self.most_ns));
        if took_ns <= self.most_ns {
            return None;
        }
        let slowest = times.slowest.clone();
        self.measured(attempt, took_ns);
        Some(slowest)
    }

    /// Adds the worst figure of the attempt's workers to what was measured.
    pub(super) fn take_from_workers(&self, attempt: &mut Attempt) {
        let commands = attempt.workers.iter().flat_map(|worker| &worker.latency);
        let same = commands.filter(|(command, _)| command_name(command) == self.command);
        let figures = same.flat_map(|(_, figures)| figures);
        let worst = figures.filter(|(at, _)| (at - self.at).abs() < 1e-9).map(|&(_, ns)| ns).max();
        if let Some(worst) = worst {
            self.measured(attempt, worst);
        }
    }

    /// Adds a figure, unless a worse one is there.
    fn measured(&self, attempt: &mut Attempt, ns: u64) {
        // Nanoseconds that f64 does not hold exactly are more than a hundred days.
        let (name, value) = (self.name(), ns as f64);
        match attempt.measured.iter_mut().find(|measured| measured.name == name) {
            Some(there) => there.value = there.value.max(value),
            None => {
                let unit = "ns".to_owned();
                attempt.measured.push(Measurement {
                    name,
                    value,
                    unit,
                    limit: None,
                    at_least: None,
                });
            }
        }
    }

    /// Puts the limit beside the figures that it is of, and says which of them are beyond it.
    pub(super) fn sentences(&self, attempt: &mut Attempt) -> Vec<String> {
        let name = self.name();
        let mut sentences = Vec::new();
        for measured in attempt.measured.iter_mut().filter(|measured| measured.name == name) {
            let most = self.most_ns as f64;
            measured.limit = Some(most);
            if most < measured.value {
                sentences.push(format!(
                    "{name} is {:.0} ns, and may be {} ns{}",
                    measured.value,
                    self.most_ns,
                    from(&self.source)
                ));
            }
        }
        sentences
    }
}

/// Returns the name of a command as it stands in the name of a measurement: `Write Zeroes` is `write_zeroes`.
fn command_name(name: &str) -> String {
    name.to_lowercase().replace([' ', '-'], "_").replace('/', "")
}

fn opcodes() -> BTreeSet<String> {
    let admin = AdminOpcode::NAMED.iter().filter_map(|opcode| opcode.name());
    let nvm = NvmOpcode::NAMED.iter().filter_map(|opcode| opcode.name());
    admin.chain(nvm).map(command_name).collect()
}

fn event_request() -> Option<String> {
    AdminOpcode::ASYNC_EVENT_REQUEST.name().map(command_name)
}

fn percentile(text: &str) -> Option<f64> {
    PERCENTILES.into_iter().find(|&at| percentile_name(at) == text)
}

fn percentile_name(at: f64) -> String {
    if at == 100.0 { "max".to_owned() } else { format!("p{at}") }
}
