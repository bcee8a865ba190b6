//! What is to be joined: all of a file of results but its attempts.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashSet;
use std::path::Path;
use std::path::PathBuf;

use super::error::MergeError;
use super::lines::Lines;
use crate::results::Device;
use crate::results::End;
use crate::results::Health;
use crate::results::Line;
use crate::results::Note;
use crate::results::Planned;
use crate::results::Run;
use crate::results::SCHEMA;

/// A file of results, without its attempts.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) file: PathBuf,
    /// What its evidence is below.
    pub(super) folder: PathBuf,
    pub(super) run: Run,
    pub(super) devices: BTreeMap<u32, Device>,
    pub(super) planned: Vec<Planned>,
    pub(super) health: Vec<Health>,
    pub(super) notes: Vec<Note>,
    /// None, if the run was killed.
    pub(super) end: Option<End>,
    /// Its devices as the result numbers them.
    pub(super) renumbered: BTreeMap<u32, u32>,
}

impl Input {
    /// Reads the results in the folder or the file `path`.
    pub(super) fn read(path: &Path) -> Result<Self, MergeError> {
        let file = if path.is_dir() { path.join("results.jsonl") } else { path.to_owned() };
        let folder = file.parent().map(Path::to_owned).unwrap_or_default();
        let mut lines = Lines::open(&file)?;
        let (mut run, mut end) = (None, None);
        let mut devices = BTreeMap::new();
        let (mut planned, mut health, mut notes) = (Vec::<Planned>::new(), Vec::new(), Vec::new());
        let mut known = HashSet::new();
        while let Some(line) = lines.next_but_attempts()? {
            match line {
                Line::Run(again) => {
                    if SCHEMA < again.schema {
                        let path = file.display().to_string();
                        return Err(MergeError::Newer { path, schema: again.schema });
                    }
                    // It goes on: how it ended earlier is past.
                    end = None;
                    run.get_or_insert(again);
                }
                Line::Device(device) => drop(devices.insert(device.device, device)),
                // A run that is resumed may say again what it plans.
                Line::Test(test) => {
                    if known.insert((test.device, test.test.clone())) {
                        planned.push(test);
                    }
                }
                Line::Health(of) => health.push(of),
                Line::Note(note) => notes.push(note),
                Line::End(of) => end = Some(of),
                // Whether it came to anything is said by its attempt.
                Line::Begin(_) | Line::Attempt(_) => {}
            }
        }
        let Some(run) = run else {
            return Err(MergeError::Refused(format!(
                "{}: there is no line of a run; the file is empty, or is no file of results",
                file.display()
            )));
        };
        let renumbered = BTreeMap::new();
        Ok(Self { file, folder, run, devices, planned, health, notes, end, renumbered })
    }

    /// Returns how a sentence calls it.
    pub(super) fn name(&self) -> String {
        self.file.display().to_string()
    }

    /// Returns the models and firmware revisions of its drives.
    pub(super) fn drives(&self) -> BTreeSet<(&str, &str)> {
        self.devices.values().map(|device| (&*device.model, &*device.firmware)).collect()
    }
}
