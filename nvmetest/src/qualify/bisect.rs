//! Which tests make another one fail: what they leave behind is what it minds.

use std::io;
use std::io::Write;
use std::process::ExitCode;

use super::engine::Job;
use super::engine::results_of;
use crate::results::Mode;
use crate::runner::evidence::quoted;
use crate::runner::main::UNEXPECTED;
use crate::runner::setup::SetupError;

/// Runs `test` after fewer and fewer of the tests that come before it, each time on a device that is opened anew, and prints
/// the fewest after which it fails.
///
/// What is found is minimal: without any one of the tests that are left it passes. The runs are in folders of their own, below that
/// of the job.
pub(super) fn run(job: &Job, test: &str) -> Result<ExitCode, SetupError> {
    let Some(place) = job.plan.place(test) else {
        return Err(SetupError::new(format!(
            "no test `{test}` is to run; `test --list` lists the tests, and a filter may leave it out"
        )));
    };
    let mut tries = Tries { job, place, made: 0 };
    let all: Vec<usize> = (0..place).collect();
    let found = if tries.fails_after(&[])? {
        Some(Vec::new())
    } else if tries.fails_after(&all)? {
        Some(fewest(all, &mut |places| tries.fails_after(places))?)
    } else {
        None
    };
    let names = found.as_ref().map(|places| places.iter().map(|&it| job.plan.name(it)));
    let names: Option<Vec<&str>> = names.map(Iterator::collect);
    let mut text = match names.as_deref() {
        None => format!("`{test}` passes after all {place} tests that come before it\n"),
        Some([]) => format!("`{test}` fails alone\n"),
        Some(names) => format!("`{test}` fails after {}\n", names.join(", ")),
    };
    if let Some(names) = &names {
        text += &format!("see it again: {}\n", command(job, names, test));
    }
    // A reader that went away has seen enough.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(ExitCode::from(if names.is_some() { UNEXPECTED } else { 0 }))
}

/// Runs of parts of the tests.
struct Tries<'j> {
    job: &'j Job,
    /// The test that fails.
    place: usize,
    made: u32,
}

impl Tries<'_> {
    /// Whether the test fails after those at `places`.
    fn fails_after(&mut self, places: &[usize]) -> Result<bool, SetupError> {
        self.made += 1;
        let mut job = self.job.clone();
        job.plan = job.plan.only(&[places, &[self.place]].concat());
        job.out = job.out.join(format!("try-{:03}", self.made));
        job.devices.truncate(1);
        job.quiet = true;
        // Once is what matters here.
        (job.profile.mode, job.profile.repeats, job.profile.retries) = (Mode::Certify, 1, 0);
        let (_, results) = results_of(&job)?;
        let test = self.job.plan.name(self.place);
        let attempt = results.attempts.iter().find(|attempt| attempt.test == test);
        let Some(attempt) = attempt else {
            return Err(SetupError::new(format!(
                "`{test}` did not run after {} others, and so nothing is found; see {}",
                places.len(),
                job.out.display()
            )));
        };
        let fails = attempt.found.is_failure();
        let how = if fails { "fails" } else { "passes" };
        if !self.job.quiet {
            // There is nowhere else to say it.
            let _ = writeln!(io::stderr(), "after {} others it {how}", places.len());
        }
        Ok(fails)
    }
}

/// Returns the fewest of `places` for which `fails`, in their order: leaving out any one of them, it does not.
///
/// It is delta debugging: larger parts are left out first, so that a few among many are found in few steps.
fn fewest<E>(
    mut places: Vec<usize>,
    fails: &mut impl FnMut(&[usize]) -> Result<bool, E>,
) -> Result<Vec<usize>, E> {
    let mut parts = 2;
    while !places.is_empty() {
        let size = places.len().div_ceil(parts);
        let mut smaller = None;
        for start in (0..places.len()).step_by(size) {
            let end = (start + size).min(places.len());
            let rest = [&places[..start], &places[end..]].concat();
            // That it fails after none at all was seen before.
            if !rest.is_empty() && fails(&rest)? {
                smaller = Some(rest);
                break;
            }
        }
        match smaller {
            Some(rest) => {
                places = rest;
                parts = parts.saturating_sub(1).max(2);
            }
            None if size == 1 => break,
            None => parts = (2 * parts).min(places.len()),
        }
    }
    Ok(places)
}

/// The command that runs `test` after `names`.
fn command(job: &Job, names: &[&str], test: &str) -> String {
    let program = job.command.first().map_or("nvmetest-qualify", String::as_str);
    let qualify = if job.runner.is_empty() { " qualify" } else { "" };
    let device = job.devices.first().map(|device| quoted(&device.to_string())).unwrap_or_default();
    let mut text = format!(
        "{}{qualify} run --mode certify --out {} --device {device} --seed {} --exact",
        quoted(program),
        quoted(&job.out.join("again").display().to_string()),
        job.seed
    );
    for name in names.iter().chain([&test]) {
        text += &format!(" {}", quoted(name));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn the_fewest_are_found_in_their_order_and_in_few_steps() {
        for wanted in [&[0][..], &[99], &[3, 70], &[10, 11, 12], &[0, 50, 99]] {
            let mut steps = 0;
            let found = fewest((0..100).collect(), &mut |places| {
                steps += 1;
                Ok::<_, Infallible>(wanted.iter().all(|place| places.contains(place)))
            });
            assert_eq!(found, Ok(wanted.to_vec()));
            assert!(steps < 80, "{wanted:?} took {steps} steps");
        }
    }
}
