//! Whether results belong together, and nothing is missing or double.

use std::collections::BTreeMap;
use std::collections::HashMap;

use super::Options;
use super::error::MergeError;
use super::input::Input;

/// The shards that are missing, as `2/3`.
pub(super) type Missing = Vec<String>;

/// Refuses results that are not of one run. Returns which shards are missing, where that is allowed.
pub(super) fn check(inputs: &[Input], options: &Options) -> Result<Missing, MergeError> {
    let refuse = |what: String| Err(MergeError::Refused(what));
    let Some(first) = inputs.first() else {
        return refuse("there is nothing to join; name the folders of the results".to_owned());
    };
    for (place, input) in inputs.iter().enumerate() {
        if let Some(other) = inputs[..place].iter().find(|other| other.run.id == input.run.id) {
            return refuse(format!(
                "{} and {} are of the same run, `{}`; give it once",
                other.name(),
                input.name(),
                input.run.id
            ));
        }
    }
    for input in inputs {
        same(first, input)?;
        if !options.matrix && first.drives() != input.drives() {
            return refuse(format!(
                "{} is of {}, and {} of {}; runs of several models or firmware revisions are put side by side with `--matrix`",
                first.name(),
                drives(first),
                input.name(),
                drives(input)
            ));
        }
    }
    let mut groups: BTreeMap<Vec<(&str, &str)>, Vec<&Input>> = BTreeMap::new();
    for input in inputs {
        groups.entry(input.drives().into_iter().collect()).or_default().push(input);
    }
    let mut missing = Vec::new();
    for group in groups.values() {
        missing.extend(shards(group, options)?);
    }
    if options.matrix && 1 < inputs.len() {
        let shared = |input: &&Input| {
            1 < input.devices.len() && input.planned.iter().any(|planned| planned.device.is_none())
        };
        if let Some(input) = inputs.iter().find(shared) {
            return refuse(format!(
                "in {} several drives share the tests, and that cannot stand beside other runs; join it without `--matrix`",
                input.name()
            ));
        }
    }
    Ok(missing)
}

/// Refuses what shards of one run have in common.
fn same(first: &Input, input: &Input) -> Result<(), MergeError> {
    let suite = |input: &Input| {
        let suite = &input.run.suite;
        // Under which name a program was started does not matter.
        format!("{} with {} tests", suite.hash, suite.tests)
    };
    let mode = |input: &Input| format!("{:?}", input.run.mode).to_lowercase();
    for (what, ours, theirs, hint) in [
        ("suite", suite(first), suite(input), "run one program everywhere"),
        (
            "profile",
            first.run.profile.clone(),
            input.run.profile.clone(),
            "run one profile everywhere",
        ),
        ("mode", mode(first), mode(input), "run one mode everywhere"),
        (
            "seed",
            first.run.seed.to_string(),
            input.run.seed.to_string(),
            "give all shards one with `--seed`",
        ),
    ] {
        if ours != theirs {
            return Err(MergeError::Refused(format!(
                "the {what} of {} is {ours}, and that of {} is {theirs}; {hint}",
                first.name(),
                input.name()
            )));
        }
    }
    Ok(())
}

/// Checks the shards of one run on one kind of drive.
fn shards(group: &[&Input], options: &Options) -> Result<Missing, MergeError> {
    let refuse = |what: String| Err(MergeError::Refused(what));
    let mut by_index = BTreeMap::new();
    let mut whole = None;
    for &input in group {
        match input.run.shard {
            None if whole.is_some() || !by_index.is_empty() => {
                if options.matrix && by_index.is_empty() {
                    continue;
                }
                return mixed(group, input);
            }
            None => whole = Some(input),
            Some(_) if whole.is_some() => return mixed(group, input),
            Some(shard) => {
                if let Some(other) = by_index.insert(shard.index, input) {
                    return refuse(format!(
                        "{} and {} are both shard {}/{}; give one of them",
                        other.name(),
                        input.name(),
                        shard.index,
                        shard.count
                    ));
                }
            }
        }
    }
    let Some((&first, other)) = by_index.values().next().zip(Some(&by_index)) else {
        return Ok(Vec::new());
    };
    let Some(shard) = first.run.shard else { return Ok(Vec::new()) };
    for input in other.values() {
        let Some(theirs) = input.run.shard else { continue };
        if theirs.count != shard.count {
            return refuse(format!(
                "{} is shard {}/{}, and {} is shard {}/{}; all have to be of as many",
                first.name(),
                shard.index,
                shard.count,
                input.name(),
                theirs.index,
                theirs.count
            ));
        }
        if (theirs.tests, theirs.cut) != (shard.tests, shard.cut) {
            return refuse(format!(
                "the tests of {} and {} were dealt out differently; give all shards the same filters and the same `--durations`",
                first.name(),
                input.name()
            ));
        }
    }
    once(group)?;
    let missing: Vec<String> = (1..=shard.count)
        .filter(|index| !by_index.contains_key(index))
        .map(|index| format!("{index}/{}", shard.count))
        .collect();
    if options.partial {
        return Ok(missing);
    }
    if !missing.is_empty() {
        return refuse(format!(
            "of the shards {} is missing; add it, or join what there is with `--partial`",
            missing.join(", ")
        ));
    }
    let mut tests: Vec<&str> =
        group.iter().flat_map(|input| &input.planned).map(|planned| &*planned.test).collect();
    tests.sort_unstable();
    tests.dedup();
    if shard.tests != 0 && tests.len() as u64 != shard.tests {
        return refuse(format!(
            "the shards have {} tests together, and the run has {}: one of them ended before it had written its plan; resume it, or \
             join what there is with `--partial`",
            tests.len(),
            shard.tests
        ));
    }
    Ok(missing)
}

/// Refuses a test in two shards.
fn once(group: &[&Input]) -> Result<(), MergeError> {
    let mut homes: HashMap<&str, &Input> = HashMap::new();
    for &input in group {
        for planned in &input.planned {
            let home = homes.entry(&planned.test).or_insert(input);
            if home.run.id != input.run.id {
                return Err(MergeError::Refused(format!(
                    "`{}` is in two shards, {} and {}; they are not of one run",
                    planned.test,
                    home.name(),
                    input.name()
                )));
            }
        }
    }
    Ok(())
}

fn mixed(group: &[&Input], input: &Input) -> Result<Missing, MergeError> {
    let other = group.iter().find(|other| other.run.id != input.run.id);
    let other = other.map(|other| other.name()).unwrap_or_default();
    let what = if group.iter().all(|input| input.run.shard.is_none()) {
        "are whole runs and no shards; runs on several drives are put side by side with `--matrix`"
    } else {
        "are a shard and a whole run; join either the shards or the runs"
    };
    Err(MergeError::Refused(format!("{other} and {} {what}", input.name())))
}

fn drives(input: &Input) -> String {
    let drives = input.drives();
    let names: Vec<String> =
        drives.iter().map(|(model, firmware)| format!("{model} ({firmware})")).collect();
    if names.is_empty() { "no drive".to_owned() } else { names.join(", ") }
}
