//! `run --resume`: what is left of an earlier run, if this asks for the same.

use std::path::PathBuf;

use super::Run;
use crate::qualify::engine::FILE;
use crate::qualify::engine::Job;
use crate::qualify::main::Program;
use crate::qualify::main::earlier_run;
use crate::results;
use crate::results::Mode;
use crate::results::Results;
use crate::runner::setup::SetupError;
use crate::transport::DeviceUri;

impl Run {
    /// What is left of the run in `folder`.
    pub(super) fn resumed(self, program: &Program<'_>, folder: PathBuf) -> Result<Job, SetupError> {
        let results = Results::read(&folder.join(FILE))?;
        let [first, ..] = &results.runs[..] else {
            return Err(SetupError::new(format!("there is no run in {}", folder.display())));
        };
        let earlier = earlier_run(&first.command).ok_or_else(|| {
            let command = first.command.join(" ");
            SetupError::new(format!(
                "the run in {} was started in a way that this program does not know: {command}",
                folder.display()
            ))
        })?;
        self.agrees_with(&earlier, first)?;
        let devices = results.devices.values().map(|device| device.uri.parse());
        let earlier = Self {
            devices: devices.collect::<Result<_, _>>()?,
            seed: Some(first.seed),
            quiet: self.quiet,
            ..earlier
        };
        let mut job = earlier.job(program, folder)?;
        if job.plan.suite().hash != first.suite.hash {
            return Err(SetupError::new(format!(
                "the run was begun with other tests than those of this program (suite {} and not {}); go on with the program that began it, or begin another run",
                first.suite.hash,
                job.plan.suite().hash
            )));
        }
        job.earlier = Some(results);
        Ok(job)
    }

    /// Fails if this asks for something else than what the run in the folder was told.
    fn agrees_with(&self, earlier: &Self, run: &results::Run) -> Result<(), SetupError> {
        let differs = |what: &str, now: String, then: String| {
            Err(SetupError::new(format!(
                "the {what} is {now} now, and the run began with {then}; leave it out, or begin another run"
            )))
        };
        if let Some(seed) = self.seed.filter(|seed| *seed != run.seed) {
            return differs("seed", seed.to_string(), run.seed.to_string());
        }
        let mode = self.mode.map(Mode::from).filter(|mode| *mode != run.mode);
        if let Some(mode) = mode {
            return differs("mode", format!("{mode:?}"), format!("{:?}", run.mode));
        }
        if !self.devices.is_empty() && self.devices != earlier.devices {
            let text = |devices: &[DeviceUri]| {
                let devices: Vec<String> = devices.iter().map(ToString::to_string).collect();
                devices.join(" ")
            };
            return differs("device", text(&self.devices), text(&earlier.devices));
        }
        if !self.filters.is_empty() || !self.skip.is_empty() {
            return Err(SetupError::new(
                "a run goes on with the tests that it began with; give no filter with `--resume`",
            ));
        }
        Ok(())
    }
}
