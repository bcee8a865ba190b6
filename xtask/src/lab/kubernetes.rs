//! `cargo xtask lab kubernetes`.

use std::process::ExitCode;

use anyhow::Context;
use anyhow::ensure;
use clap::Args;
use xshell::Shell;
use xshell::cmd;

use crate::ci;
use crate::suites::root;
use crate::system;

/// Brings the schemas of Kubernetes along.
const VALIDATOR: &str = "kubernetes-validate==1.37.0";

/// The oldest that has what the job uses (podFailurePolicy and backoffLimitPerIndex), and the newest that the validator knows.
const VERSIONS: [&str; 2] = ["1.29.0", "1.37.0"];

const JOB: &str = "docs/lab/job.yaml";

/// Validate docs/lab/job.yaml against the schemas of Kubernetes
#[derive(Args)]
pub struct Kubernetes {}

impl Kubernetes {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        ci::alone(check)
    }
}

/// Does it. Returns what was seen.
pub fn check(sh: &Shell) -> anyhow::Result<String> {
    if system::find("python3").is_none() {
        return Ok("not run: python3 is not installed".to_owned());
    }
    let environment = root().join("target/tools/kubernetes-validate");
    let validate = environment.join("bin/kubernetes-validate");
    if !validate.is_file() {
        cmd!(sh, "python3 -m venv {environment}").quiet().run()?;
        let pip = environment.join("bin/pip");
        let install = cmd!(sh, "{pip} install --quiet --disable-pip-version-check {VALIDATOR}");
        install.quiet().run().with_context(|| format!("{VALIDATOR} cannot be installed"))?;
    }
    let job = root().join(JOB);
    let text = std::fs::read_to_string(&job)?;
    for version in VERSIONS {
        let validate = cmd!(sh, "{validate} --strict --kubernetes-version {version} {job}");
        validate.quiet().run()?;
    }
    // A validator that takes anything would take this, too.
    let folder = tempfile::tempdir()?;
    let wrong = folder.path().join("wrong.yaml");
    std::fs::write(&wrong, text.replace("completions: 4", "completion: 4"))?;
    let validate = cmd!(sh, "{validate} --strict {wrong}").quiet().ignore_status();
    let refused = validate.ignore_stdout().ignore_stderr().output()?;
    ensure!(!refused.status.success(), "the validator takes a job with a misspelt field");
    let value = |name: &str| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix(name))
            .map(|it| it.trim().trim_matches('"'))
    };
    let shards = text.split("NVMETEST_SHARDS").nth(1).and_then(|rest| rest.lines().nth(1));
    let shards = shards
        .and_then(|line| line.trim().strip_prefix("value:"))
        .map(|it| it.trim().trim_matches('"'));
    ensure!(
        shards.is_some() && shards == value("completions:"),
        "{JOB} has {:?} completions, and NVMETEST_SHARDS is {shards:?}",
        value("completions:")
    );
    Ok(format!("{JOB} is a Job of Kubernetes {}", VERSIONS.join(" and ")))
}
