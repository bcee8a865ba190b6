//! Writing what was joined.

use std::collections::HashMap;
use std::collections::HashSet;
use std::fs::File;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;

use super::Merged;
use super::check::Missing;
use super::error::MergeError;
use super::evidence::Gathered;
use super::input::Input;
use super::lines::Lines;
use crate::results::End;
use crate::results::EndReason;
use crate::results::Line;
use crate::results::Note;
use crate::results::Run;
use crate::results::SCHEMA;
use crate::results::Subject;

/// After so many attempts, and before each evidence, it is asked whether to end.
const ASK_EVERY: usize = 64;

/// What says that somebody wants it to end, and how.
pub(super) type Stop<'s> = dyn FnMut() -> Option<&'static str> + 's;

/// Writes what is joined into `folder`, unless `stop` says so meanwhile.
pub(super) fn write(
    inputs: &[Input],
    missing: Missing,
    folder: &Path,
    stop: &mut Stop<'_>,
) -> Result<Merged, MergeError> {
    let path = folder.join("results.jsonl");
    let file = File::create_new(&path).map_err(MergeError::file(&path))?;
    let mut out = Out { path: &path, file: BufWriter::with_capacity(1 << 16, file) };

    out.line(run(inputs))?;
    devices(inputs, &mut out)?;
    let (tests, known) = planned(inputs, &mut out)?;
    notes(inputs, &missing, &mut out)?;
    let mut gathered = Gathered::new(folder);
    let mut attempts = 0;
    for (index, input) in inputs.iter().enumerate() {
        attempts += copy_attempts(input, index, &known[index], &mut gathered, &mut out, stop)?;
    }
    let (end, exit) = end(inputs, &missing);
    if let Some(end) = end {
        out.line(end)?;
    }
    out.close()?;
    let lost_evidence = gathered.lost;
    Ok(Merged { runs: inputs.len(), tests, attempts, lost_evidence, missing, exit })
}

/// The file that is written.
struct Out<'p> {
    path: &'p Path,
    file: BufWriter<File>,
}

impl Out<'_> {
    fn line(&mut self, line: impl Into<Line>) -> Result<(), MergeError> {
        let mut text = serde_json::to_vec(&line.into())
            .map_err(|error| MergeError::file(self.path)(error.into()))?;
        text.push(b'\n');
        self.file.write_all(&text).map_err(MergeError::file(self.path))
    }

    fn close(mut self) -> Result<(), MergeError> {
        self.file.flush().map_err(MergeError::file(self.path))?;
        self.file.get_ref().sync_all().map_err(MergeError::file(self.path))
    }
}

/// The line of the run that all of them are.
fn run(inputs: &[Input]) -> Run {
    let first = &inputs[0].run;
    let ids: Vec<&str> = inputs.iter().map(|input| &*input.run.id).collect();
    let mut hosts: Vec<&str> = inputs.iter().map(|input| &*input.run.host).collect();
    hosts.sort_unstable();
    hosts.dedup();
    Run {
        schema: SCHEMA,
        id: format!("merged-{:08x}", crc32fast::hash(ids.join("\n").as_bytes())),
        shard: None,
        host: hosts.join(", "),
        started_ms: inputs.iter().map(|input| input.run.started_ms).min().unwrap_or_default(),
        ..first.clone()
    }
}

fn devices(inputs: &[Input], out: &mut Out<'_>) -> Result<(), MergeError> {
    for input in inputs {
        for device in input.devices.values() {
            let number = input.renumbered[&device.device];
            out.line(crate::results::Device { device: number, ..device.clone() })?;
        }
    }
    Ok(())
}

/// The tests of an input, each with the devices that it may run on.
type Known<'i> = HashSet<&'i str>;

/// Writes the plan in the order of the source, which is that of a whole run.
fn planned<'i>(
    inputs: &'i [Input],
    out: &mut Out<'_>,
) -> Result<(usize, Vec<Known<'i>>), MergeError> {
    let mut all = Vec::new();
    let mut known = Vec::new();
    let several = 1 < inputs.iter().filter(|input| input.run.shard.is_none()).count();
    for input in inputs {
        known.push(input.planned.iter().map(|planned| &*planned.test).collect());
        for planned in &input.planned {
            let device = match planned.device {
                Some(device) => Some(renumbered(input, device, &planned.test)?),
                // Beside other runs, `any device` would be theirs, too.
                None if several => input.renumbered.values().next().copied(),
                None => None,
            };
            all.push((device, planned));
        }
    }
    all.sort_by(|(_, a), (_, b)| (&a.file, a.line, &a.test).cmp(&(&b.file, b.line, &b.test)));
    for &(device, planned) in &all {
        out.line(crate::results::Planned { device, ..planned.clone() })?;
    }
    Ok((all.len(), known))
}

fn renumbered(input: &Input, device: u32, of: &str) -> Result<u32, MergeError> {
    input.renumbered.get(&device).copied().ok_or_else(|| {
        let file = input.name();
        MergeError::Refused(format!(
            "{file}: `{of}` is on device {device}, of which there is no line"
        ))
    })
}

fn notes(inputs: &[Input], missing: &[String], out: &mut Out<'_>) -> Result<(), MergeError> {
    for input in inputs {
        let of = match input.run.shard {
            Some(shard) => format!("shard {}/{}", shard.index, shard.count),
            None => "a whole run".to_owned(),
        };
        let ended = if input.end.is_some() { "" } else { ", which did not end" };
        let text = format!("{of} is run {} on {}{ended}", input.run.id, input.run.host);
        let at_ms = input.run.started_ms;
        out.line(Note { about: Subject::Other, device: None, test: None, text, at_ms })?;
        for note in &input.notes {
            let device = note.device.map(|device| renumbered(input, device, "a note"));
            out.line(Note { device: device.transpose()?, ..note.clone() })?;
        }
        for health in &input.health {
            let device = renumbered(input, health.device, "the health of a device")?;
            out.line(crate::results::Health { device, ..health.clone() })?;
        }
    }
    for shard in missing {
        let text = format!("shard {shard} is missing: its tests are not here");
        let at_ms = inputs[0].run.started_ms;
        out.line(Note { about: Subject::Other, device: None, test: None, text, at_ms })?;
    }
    Ok(())
}

/// Copies the attempts of an input, with their evidence. Returns how many there are.
fn copy_attempts(
    input: &Input,
    index: usize,
    known: &Known<'_>,
    gathered: &mut Gathered,
    out: &mut Out<'_>,
    stop: &mut Stop<'_>,
) -> Result<usize, MergeError> {
    let mut lines = Lines::open(&input.file)?;
    let mut seen: HashMap<String, Vec<(u32, u32)>> = HashMap::new();
    let mut count = 0;
    while let Some(line) = lines.next()? {
        let Line::Attempt(mut attempt) = line else { continue };
        if !known.contains(&*attempt.test) {
            return Err(lines.wrong(format!("`{}` ran and was not planned", attempt.test)));
        }
        let Some(&device) = input.renumbered.get(&attempt.device) else {
            let what = format!("there is no line of device {}", attempt.device);
            return Err(lines.wrong(what));
        };
        let earlier = seen.entry(attempt.test.clone()).or_default();
        if earlier.contains(&(device, attempt.attempt)) {
            let what = format!("attempt {} of `{}` is there twice", attempt.attempt, attempt.test);
            return Err(lines.wrong(what));
        }
        earlier.push((device, attempt.attempt));
        if (count % ASK_EVERY == 0 || attempt.evidence.is_some())
            && let Some(signal) = stop()
        {
            return Err(MergeError::Interrupted(signal));
        }
        attempt.device = device;
        if let Some(evidence) = attempt.evidence.take() {
            attempt.evidence = gathered.take(&input.folder, index, &evidence)?;
        }
        out.line(attempt)?;
        count += 1;
    }
    Ok(count)
}

/// How the whole ended: as its worst part did. None, if a part was killed or is missing.
fn end(inputs: &[Input], missing: &[String]) -> (Option<End>, u8) {
    const UNEXPECTED: u8 = 1;
    // From the best to the worst.
    const EXITS: [u8; 5] = [0, UNEXPECTED, 130, 3, 2];
    let ends: Vec<&End> = inputs.iter().filter_map(|input| input.end.as_ref()).collect();
    let rank = |exit: u8| EXITS.iter().position(|&it| it == exit).unwrap_or(EXITS.len());
    let incomplete = ends.len() < inputs.len() || !missing.is_empty();
    let least = incomplete.then_some(UNEXPECTED);
    let exits = ends.iter().map(|end| end.exit).chain(least);
    let exit = exits.max_by_key(|&exit| rank(exit)).unwrap_or(UNEXPECTED);
    if incomplete {
        return (None, exit);
    }
    let reason = |reason: EndReason| match reason {
        EndReason::Complete => 0,
        EndReason::Interrupted => 1,
        EndReason::Lost => 2,
        EndReason::Failed => 3,
    };
    let worst = ends.iter().map(|end| end.reason).max_by_key(|&it| reason(it));
    let took_ms = ends.iter().map(|end| end.took_ms).max().unwrap_or_default();
    (worst.map(|reason| End { reason, exit, took_ms }), exit)
}
