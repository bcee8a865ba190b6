//! What the engines of labs say about shards.

use std::path::PathBuf;

use super::By;
use super::Chosen;
use super::MOST;
use super::Shard;
use super::ShardError;

type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Finds the shard that the environment asks for.
pub(super) fn chosen(
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Chosen>, ShardError> {
    // What is set and empty is how some engines say that it is not set.
    let environment = |name: &str| environment(name).filter(|value| !value.is_empty());
    let mut found: Option<Chosen> = None;
    for engine in [own, slurm, kubernetes, bazel, gitlab] {
        let Some(chosen) = engine(&environment)? else { continue };
        match &mut found {
            None => found = Some(chosen),
            Some(first) if first.shard == chosen.shard => {
                first.status_file = first.status_file.take().or(chosen.status_file);
            }
            Some(first) => {
                return Err(ShardError::Contradiction {
                    first: first.source.clone(),
                    first_shard: first.shard,
                    second: chosen.source,
                    second_shard: chosen.shard,
                });
            }
        }
    }
    Ok(found)
}

fn own(environment: Environment<'_>) -> Result<Option<Chosen>, ShardError> {
    let Some(text) = environment("NVMETEST_SHARD") else { return Ok(None) };
    let source = "NVMETEST_SHARD".to_owned();
    match text.parse() {
        Ok(shard) => Ok(Some(Chosen { shard, source, status_file: None })),
        Err(hint) => Err(ShardError::Syntax { source_name: source, text, hint }),
    }
}

/// An array counts from wherever its user likes, and in steps.
fn slurm(environment: Environment<'_>) -> Result<Option<Chosen>, ShardError> {
    const ID: &str = "SLURM_ARRAY_TASK_ID";
    let Some(id) = number(environment, ID)? else { return Ok(None) };
    let of = |name: &str| {
        number(environment, name)?.ok_or_else(|| {
            ShardError::Incomplete(format!("{ID} is {id}, and {name} is not set; give `--shard`"))
        })
    };
    let count = of("SLURM_ARRAY_TASK_COUNT")?;
    let (min, max) = (of("SLURM_ARRAY_TASK_MIN")?, of("SLURM_ARRAY_TASK_MAX")?);
    let step = number(environment, "SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
    let index = id.checked_sub(min).map(|distance| distance / step + 1);
    let even = max.checked_sub(min).map(|distance| distance / step + 1) == Some(count)
        && id.saturating_sub(min).is_multiple_of(step);
    match index {
        Some(index) if even => one("Slurm", index, count),
        _ => Err(ShardError::Incomplete(format!(
            "the Slurm array has {count} tasks from {min} to {max}, and gaps between them: which of them {id} is cannot be \
             told; submit it with such as `--array=0-{}`, or give `--shard`",
            count.saturating_sub(1)
        ))),
    }
}

fn kubernetes(environment: Environment<'_>) -> Result<Option<Chosen>, ShardError> {
    const INDEX: &str = "JOB_COMPLETION_INDEX";
    let Some(index) = number(environment, INDEX)? else { return Ok(None) };
    match number(environment, "NVMETEST_SHARDS")? {
        Some(count) => one("Kubernetes", index + 1, count),
        None => Err(ShardError::Incomplete(format!(
            "this is pod {index} of an Indexed Job, and nobody says of how many; set NVMETEST_SHARDS to its `completions`, or \
             give `--shard none` if each pod is to run everything"
        ))),
    }
}

fn bazel(environment: Environment<'_>) -> Result<Option<Chosen>, ShardError> {
    let Some(count) = number(environment, "TEST_TOTAL_SHARDS")?.filter(|&count| 0 < count) else {
        return Ok(None);
    };
    let index = number(environment, "TEST_SHARD_INDEX")?.ok_or_else(|| {
        ShardError::Incomplete(format!(
            "TEST_TOTAL_SHARDS is {count}, and TEST_SHARD_INDEX is not set; give `--shard`"
        ))
    })?;
    let mut chosen = one("Bazel", index + 1, count)?;
    if let Some(chosen) = &mut chosen {
        chosen.status_file = environment("TEST_SHARD_STATUS_FILE").map(PathBuf::from);
    }
    Ok(chosen)
}

/// A job that is not parallel has a total of 1, and no index.
fn gitlab(environment: Environment<'_>) -> Result<Option<Chosen>, ShardError> {
    let Some(index) = number(environment, "CI_NODE_INDEX")? else { return Ok(None) };
    let count = number(environment, "CI_NODE_TOTAL")?.ok_or_else(|| {
        ShardError::Incomplete(format!(
            "CI_NODE_INDEX is {index}, and CI_NODE_TOTAL is not set; give `--shard`"
        ))
    })?;
    one("GitLab", index, count)
}

fn one(engine: &str, index: u64, count: u64) -> Result<Option<Chosen>, ShardError> {
    let wrong = || {
        ShardError::Incomplete(format!(
            "{engine} asks for shard {index} of {count}, counted from 1, and there is none; a run has at most {MOST}"
        ))
    };
    let index = u32::try_from(index).map_err(|_| wrong())?;
    let count = u32::try_from(count).map_err(|_| wrong())?;
    if index < 1 || count < index || MOST < count {
        return Err(wrong());
    }
    let shard = Shard { index, count, by: By::Weight };
    Ok(Some(Chosen { shard, source: engine.to_owned(), status_file: None }))
}

/// Returns a number that is small enough to count with.
fn number(environment: Environment<'_>, name: &str) -> Result<Option<u64>, ShardError> {
    let Some(text) = environment(name) else { return Ok(None) };
    match text.parse::<u32>() {
        Ok(number) => Ok(Some(number.into())),
        Err(_) => Err(ShardError::Syntax {
            source_name: name.to_owned(),
            text,
            hint: "it has to be a whole number; give `--shard`".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(variables: &[(&str, &str)]) -> Result<Option<Chosen>, String> {
        let of = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        chosen(&of).map_err(|error| error.to_string())
    }

    fn shard(variables: &[(&str, &str)]) -> String {
        choose(variables).unwrap().map(|chosen| chosen.shard.to_string()).unwrap_or_default()
    }

    const SLURM: [(&str, &str); 5] = [
        ("SLURM_ARRAY_TASK_ID", "12"),
        ("SLURM_ARRAY_TASK_COUNT", "3"),
        ("SLURM_ARRAY_TASK_MIN", "10"),
        ("SLURM_ARRAY_TASK_MAX", "14"),
        ("SLURM_ARRAY_TASK_STEP", "2"),
    ];

    #[test]
    fn each_engine_is_understood_with_its_own_first_index() {
        assert_eq!(shard(&[]), "");
        assert_eq!(shard(&SLURM), "2/3");
        let zero = [("SLURM_ARRAY_TASK_ID", "0"), ("SLURM_ARRAY_TASK_COUNT", "4")];
        let zero = [&zero[..], &[("SLURM_ARRAY_TASK_MIN", "0"), ("SLURM_ARRAY_TASK_MAX", "3")]];
        assert_eq!(shard(&zero.concat()), "1/4");
        assert_eq!(shard(&[("JOB_COMPLETION_INDEX", "0"), ("NVMETEST_SHARDS", "2")]), "1/2");
        assert_eq!(shard(&[("JOB_COMPLETION_INDEX", "1"), ("NVMETEST_SHARDS", "2")]), "2/2");
        assert_eq!(shard(&[("TEST_SHARD_INDEX", "0"), ("TEST_TOTAL_SHARDS", "3")]), "1/3");
        assert_eq!(shard(&[("TEST_TOTAL_SHARDS", "0")]), "");
        assert_eq!(shard(&[("CI_NODE_INDEX", "3"), ("CI_NODE_TOTAL", "3")]), "3/3");
        assert_eq!(shard(&[("CI_NODE_TOTAL", "1")]), "", "the job is not parallel");
        assert_eq!(shard(&[("NVMETEST_SHARD", "2/7")]), "2/7");
        assert_eq!(shard(&[("NVMETEST_SHARD", ""), ("CI_NODE_INDEX", "")]), "");
    }

    #[test]
    fn bazel_wants_a_file_to_be_touched() {
        let variables = [
            ("TEST_SHARD_INDEX", "1"),
            ("TEST_TOTAL_SHARDS", "3"),
            ("TEST_SHARD_STATUS_FILE", "/t/status"),
        ];
        let chosen = choose(&variables).unwrap().unwrap();
        assert_eq!(chosen.status_file, Some(PathBuf::from("/t/status")));
    }

    #[test]
    fn engines_that_differ_are_refused_and_engines_that_agree_are_not() {
        let both =
            |index| [("NVMETEST_SHARD", "2/3"), ("CI_NODE_INDEX", index), ("CI_NODE_TOTAL", "3")];
        assert_eq!(shard(&both("2")), "2/3");
        assert_eq!(
            choose(&both("1")).unwrap_err(),
            "NVMETEST_SHARD asks for shard 2/3, and GitLab for 1/3; say which with `--shard`"
        );
    }

    #[test]
    fn what_an_engine_does_not_say_is_asked_for() {
        for (variables, sentence) in [
            (&[("JOB_COMPLETION_INDEX", "1")][..], "set NVMETEST_SHARDS"),
            (
                &[("JOB_COMPLETION_INDEX", "2"), ("NVMETEST_SHARDS", "2")],
                "shard 3 of 2, counted from 1",
            ),
            (&[("CI_NODE_INDEX", "1")], "CI_NODE_TOTAL is not set"),
            (&[("CI_NODE_INDEX", "0"), ("CI_NODE_TOTAL", "2")], "shard 0 of 2"),
            (&[("TEST_TOTAL_SHARDS", "2")], "TEST_SHARD_INDEX is not set"),
            (&[("TEST_TOTAL_SHARDS", "two")], "TEST_TOTAL_SHARDS is `two`, which is no shard"),
            (&[("SLURM_ARRAY_TASK_ID", "1")], "SLURM_ARRAY_TASK_COUNT is not set"),
            (&[("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "100001")], "at most 100000"),
            (&[("NVMETEST_SHARD", "3/2")], "NVMETEST_SHARD is `3/2`, which is no shard"),
        ] {
            let error = choose(variables).unwrap_err();
            assert!(error.contains(sentence), "{error}");
        }
    }

    #[test]
    fn an_array_with_gaps_does_not_say_which_task_is_which() {
        for (name, value) in [
            ("SLURM_ARRAY_TASK_ID", "11"),
            ("SLURM_ARRAY_TASK_ID", "9"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
            ("SLURM_ARRAY_TASK_MAX", "16"),
        ] {
            let mut variables = SLURM;
            variables.iter_mut().filter(|it| it.0 == name).for_each(|it| it.1 = value);
            let error = choose(&variables).unwrap_err();
            assert!(error.contains("and gaps between them"), "{name}={value}: {error}");
        }
    }
}
