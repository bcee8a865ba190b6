//! `cargo xtask qualify`.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use anyhow::Context;
use anyhow::ensure;
use clap::Args;
use xshell::Shell;
use xshell::cmd;

use crate::suites::BASELINES;
use crate::suites::baseline;
use crate::suites::executable;
use crate::suites::root;

/// Qualify drives: run the suites, keep the results, and make a report of them; `-- --help` lists the options
///
/// The baselines of the devices are handed over as `cargo xtask test` does. The results are in a new folder below
/// target/nvmetest/qualify, unless `--out` says where.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Qualify {
    /// Build with optimization
    #[arg(long)]
    release: bool,

    /// Options of the run
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    options: Vec<OsString>,
}

impl Qualify {
    /// Builds `nvmetest-qualify`, and becomes it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let program = build(self.release)?;
        let options: Vec<OsString> =
            self.options.into_iter().skip_while(|option| option == "--").collect();
        let added = additions(&options, &root().join(BASELINES), &root().join("target"));
        become_it(&program, [vec!["run".into()], added, options].concat())
    }
}

/// What a subcommand of `nvmetest-qualify` is told.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Words {
    /// Its arguments
    #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl Words {
    /// Builds `nvmetest-qualify`, and becomes its `subcommand`.
    pub fn run(self, subcommand: &str) -> anyhow::Result<ExitCode> {
        become_it(&build(false)?, [vec![subcommand.into()], self.arguments].concat())
    }
}

/// The profiles that are shipped.
const PROFILES: [&str; 6] = ["smoke", "default", "full", "certify", "endurance", "datacenter"];

/// Qualifies a device in both modes: as its baseline expects; and, when that does not count, each failure is a finding that
/// the baseline has a clause for. And what a shipped profile names has to be there.
pub fn check(device: &str) -> anyhow::Result<String> {
    let program = build(false)?;
    for profile in PROFILES {
        let status =
            Command::new(&program).args(["profile", profile]).stdout(Stdio::null()).status()?;
        ensure!(status.success(), "the profile {profile} does not fit the suites; see above");
    }
    let folder = tempfile::tempdir()?;
    let run = |mode: &str| {
        let out = folder.path().join(mode).into_os_string();
        let profile = if mode == "ci" { "default" } else { mode };
        let options = ["--device".into(), device.into(), "--profile".into(), profile.into()];
        let options = [&options[..], &["--out".into(), out]].concat();
        let added = additions(&options, &root().join(BASELINES), folder.path());
        let status = Command::new(&program).arg("run").args(added).args(options).status()?;
        ensure!(
            folder.path().join(mode).join("report.html").is_file(),
            "the run on {device} in {mode} mode left no report"
        );
        status.code().with_context(|| format!("the run on {device} ended with {status}"))
    };
    let code = run("ci")?;
    ensure!(code == 0, "the run on {device} in ci mode ends with exit code {code}; see above");
    let code = run("certify")?;
    let (findings, unknown) = findings(&folder.path().join("certify/results.jsonl"))?;
    let expected = i32::from(findings != 0);
    ensure!(
        code == expected,
        "with {findings} findings the run in certify mode ends with exit code {code}, and not {expected}"
    );
    ensure!(unknown.is_empty(), "findings that the baseline does not know: {}", unknown.join(", "));
    Ok(format!("{findings} findings with a clause in certify mode"))
}

/// Counts the failures of a run, and names those without a waiver or a clause in it, and what its profile asks for and it does not have.
fn findings(results: &Path) -> anyhow::Result<(usize, Vec<String>)> {
    let (mut findings, mut unknown) = (0, Vec::new());
    for line in fs::read_to_string(results)?.lines() {
        let line: serde_json::Value = serde_json::from_str(line)?;
        let text = line["text"].as_str().unwrap_or_default();
        if line["kind"] == "note" && text.starts_with("profile ") {
            unknown.push(text.to_owned());
        }
        if line["kind"] != "attempt" || line["verdict"] != "Fail" {
            continue;
        }
        findings += 1;
        if line["waiver"]["clause"].as_str().is_none_or(str::is_empty) {
            unknown.push(line["test"].as_str().unwrap_or_default().to_owned());
        }
    }
    Ok((findings, unknown))
}

/// Becomes `program`: who ends this process ends the run.
fn become_it(program: &Path, arguments: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("{} does not start", program.display()))
}

/// Builds the program.
pub fn build(release: bool) -> anyhow::Result<PathBuf> {
    let sh = Shell::new()?;
    sh.change_dir(root());
    let release = release.then_some("--release");
    let build = cmd!(
        sh,
        "cargo build --package nvmetest-suites --bin nvmetest-qualify {release...} --message-format json-render-diagnostics"
    );
    let messages = build.quiet().read().context("nvmetest-qualify does not build")?;
    executable(&messages, "nvmetest-qualify", false)
        .context("cargo did not say where the built program is")
}

/// What the options leave to this: a folder for the results, and what is known of the devices.
fn additions(options: &[OsString], baselines: &Path, target: &Path) -> Vec<OsString> {
    let given = |name: &str| {
        let assigned = format!("{name}=");
        options.iter().any(|option| {
            option == name || option.to_str().is_some_and(|option| option.starts_with(&assigned))
        })
    };
    // A run that goes on knows both, and help needs neither.
    if given("--resume") || given("--help") || given("-h") {
        return Vec::new();
    }
    let mut added = Vec::new();
    if !given("--out") {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let folder = format!("nvmetest/qualify/{}-{}", now.as_secs(), std::process::id());
        added.extend(["--out".into(), target.join(folder).into_os_string()]);
    }
    if !given("--baseline") {
        let mut files: Vec<PathBuf> =
            devices(options).iter().filter_map(|device| baseline(baselines, device)).collect();
        files.sort();
        files.dedup();
        added.extend(files.into_iter().flat_map(|file| ["--baseline".into(), file.into()]));
    }
    added
}

/// The devices that the options name, or the environment.
fn devices(options: &[OsString]) -> Vec<String> {
    let text = |option: &OsString| option.to_str().map(str::to_owned);
    let behind = options.windows(2).filter(|pair| pair[0] == "--device");
    let behind = behind.filter_map(|pair| text(&pair[1]));
    let assigned = options.iter().filter_map(text);
    let assigned = assigned.filter_map(|it| it.strip_prefix("--device=").map(str::to_owned));
    let devices: Vec<String> = behind.chain(assigned).collect();
    if !devices.is_empty() {
        return devices;
    }
    let environment = env::var("NVMETEST_DEVICE").unwrap_or_default();
    environment.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(options: &[&str], baselines: &Path) -> Vec<String> {
        let options: Vec<OsString> = options.iter().map(OsString::from).collect();
        let added = additions(&options, baselines, Path::new("/t"));
        added.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn what_is_given_is_not_added() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("qemu.toml");
        fs::write(&file, "").unwrap();
        let file = file.to_str().unwrap();

        let both = added(&["--device", "qemu:ns=2", "--device=soft:"], folder.path());
        assert_eq!((&*both[0], &both[2..]), ("--out", &["--baseline".to_owned(), file.into()][..]));
        assert!(both[1].starts_with("/t/nvmetest/qualify/"), "{both:?}");
        let out = added(&["--out=x", "--device", "qemu:", "--device", "qemu:ns=2"], folder.path());
        assert_eq!(out, ["--baseline", file]);
        let known = added(&["--out", "x", "--device=qemu:", "--baseline", "y"], folder.path());
        assert_eq!(known, [""; 0]);
        assert_eq!(added(&["--resume", "x"], folder.path()), [""; 0]);
    }

    #[test]
    fn a_finding_that_nobody_knows_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        let lines = [
            r#"{"kind":"attempt","test":"a","verdict":"Pass"}"#,
            r#"{"kind":"attempt","test":"b","verdict":"Fail","waiver":{"clause":"Base 4.4"}}"#,
            r#"{"kind":"attempt","test":"c","verdict":"Fail"}"#,
        ];
        fs::write(&path, lines.join("\n")).unwrap();
        assert_eq!(findings(&path).unwrap(), (2, vec!["c".to_owned()]));
    }
}
