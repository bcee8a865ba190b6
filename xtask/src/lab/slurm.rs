//! `cargo xtask lab slurm`.

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use clap::Args;
use xshell::Shell;
use xshell::cmd;

use super::daemons::Daemons;
use super::daemons::within;
use super::results;
use crate::ci;
use crate::qualify;
use crate::suites::root;
use crate::system;

/// More shards than drives, so that a drive has to be given on.
const SHARDS: usize = 3;
const DRIVES: usize = 2;

/// All tests of these take seconds.
const PROFILE: &str = "smoke";

const DEADLINE: Duration = Duration::from_secs(300);

/// Run docs/lab/submit.sh on a Slurm of one machine, and compare what comes out of it with a run that is not divided
///
/// The daemons are private processes in a temporary folder, of which nothing stays.
#[derive(Args)]
pub struct Slurm {}

impl Slurm {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        ci::alone(check)
    }
}

/// Does it. Returns what was seen.
pub fn check(sh: &Shell) -> anyhow::Result<String> {
    system::SLURM.provide(sh)?;
    let program = qualify::build(false)?;
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("night");
    let drives = folder.path().join("drives");
    fs::write(&drives, "# Two that are alike.\nsoft:\nsoft:\n")?;

    let daemons = Daemons::start(folder.path(), DRIVES)?;
    let shell = daemons.shell();
    shell.change_dir(root());
    let shards = SHARDS.to_string();
    let submit = cmd!(shell, "docs/lab/submit.sh {shards} {out} --profile {PROFILE}");
    submit
        .env("NVMETEST_QUALIFY", &program)
        .env("NVMETEST_DRIVES", &drives)
        .env("NVMETEST_LOCKS", folder.path().join("locks"))
        .env("NVMETEST_SEED", "7")
        .run()?;
    let jobs = || cmd!(shell, "squeue --noheader --format %i").quiet().read();
    let ended = within(DEADLINE, "all jobs have ended", &mut || Ok(jobs()?.is_empty()));
    let merged = out.join("merged");
    let log = |name: &str| fs::read_to_string(out.join(name)).unwrap_or_default();
    ended.with_context(|| log("merge.log"))?;
    ensure!(
        merged.is_dir(),
        "the results were not joined:\n{}\n{}",
        log("merge.log"),
        log("shard-0.log")
    );
    for index in 0..SHARDS {
        let shard = results::shard(&out.join(format!("shard-{index}")))?;
        let expected = format!("{}/{SHARDS}", index + 1);
        ensure!(shard.as_ref() == Some(&expected), "task {index} ran {shard:?} and not {expected}");
    }
    drop(daemons);

    let whole = folder.path().join("whole");
    let run =
        cmd!(sh, "{program} run --device soft: --seed 7 --profile {PROFILE} --quiet --out {whole}");
    run.quiet().ignore_status().run()?;
    let (whole, merged) = (results::verdicts(&whole)?, results::verdicts(&merged)?);
    ensure!(!whole.is_empty(), "the whole run has no tests");
    ensure!(
        whole == merged,
        "what was divided differs from what was not: {:?}",
        whole
            .iter()
            .filter(|&(test, verdict)| merged.get(test) != Some(verdict))
            .collect::<Vec<_>>()
    );
    Ok(format!("{} tests in {SHARDS} shards on {DRIVES} drives, as in one run", whole.len()))
}
