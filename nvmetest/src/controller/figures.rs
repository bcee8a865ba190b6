//! What a test measured, for the results of a qualification run.

use std::cell::RefCell;

use super::Controller;
use crate::ioworker::Statistics;
use crate::results::Measurement;
use crate::results::Worker;
use crate::results::is_enough;

/// As many seconds of a worker are kept one by one.
const SECONDS: usize = 600;

/// The percentiles of latencies that are kept: those that a profile can limit, and one more. The last is the maximum.
const PERCENTILES: [f64; 8] = [1.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999, 100.0];

/// So many figures and workers of a test are kept.
const MOST: usize = 1000;

/// What a test measured.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    measured: RefCell<Vec<Measurement>>,
    workers: RefCell<Vec<Worker>>,
}

impl Figures {
    /// Keeps what a worker counted.
    pub(crate) fn add_worker(&self, told: &str, counted: &Statistics) {
        let mut workers = self.workers.borrow_mut();
        if workers.len() < MOST {
            workers.push(worker(told, counted));
        }
    }
}

impl Controller {
    /// Notes a figure: the results of a qualification run have it, and a profile may limit it.
    ///
    /// `name` is such as `read.p99`, and `unit` such as `ns`. A figure that is no finite number is left out.
    ///
    /// ```
    /// use nvmetest::prelude::*;
    ///
    /// #[nvme_test]
    /// fn a_flush_takes_some_time(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    ///     let start = std::time::Instant::now();
    ///     ns.flush().run(q)?;
    ///     nvme.measure("flush.latency", start.elapsed().as_secs_f64() * 1e6, "us");
    ///     Ok(())
    /// }
    /// ```
    pub fn measure(&self, name: &str, value: f64, unit: &str) {
        let mut measured = self.shared().figures().measured.borrow_mut();
        if value.is_finite() && measured.len() < MOST {
            let (name, unit) = (name.to_owned(), unit.to_owned());
            measured.push(Measurement { name, value, unit, limit: None, at_least: None });
        }
    }

    /// Takes what was measured, and what workers counted, since the last call.
    pub(crate) fn take_figures(&self) -> (Vec<Measurement>, Vec<Worker>) {
        let figures = self.shared().figures();
        (figures.measured.take(), figures.workers.take())
    }
}

fn worker(told: &str, counted: &Statistics) -> Worker {
    let step = counted.seconds.len().div_ceil(SECONDS).max(1);
    let seconds = counted.seconds.chunks(step);
    let latency = counted.opcodes.iter().map(|it| {
        let enough = PERCENTILES.into_iter().filter(|&at| is_enough(at, it.latency.count()));
        let percentiles = enough.map(|at| (at, it.latency.percentile_ns(at)));
        // The name alone: by it a profile knows the command.
        let name = it.opcode.name().map_or_else(|| it.opcode.to_string(), str::to_owned);
        (name, percentiles.collect())
    });
    let iops = counted.iops();
    Worker {
        name: told.to_owned(),
        commands: counted.commands(),
        errors: counted.errors,
        iops: if iops.is_finite() { iops } else { 0.0 },
        seconds: seconds
            .map(|them| them.iter().fold(0, |a: u32, b| a.saturating_add(*b)))
            .collect(),
        step_s: u32::try_from(step).unwrap_or(u32::MAX),
        latency: latency.collect(),
    }
}
