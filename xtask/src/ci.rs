//! `cargo xtask ci`.

use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::ensure;
use clap::Args;
use xshell::Shell;
use xshell::cmd;

use crate::browser;
use crate::lab;
use crate::miri;
use crate::outside;
use crate::qualify;
use crate::suites::Suites;
use crate::suites::root;
use crate::system;
use crate::vm;
use crate::vm::kernel::Choice;
use crate::wireshark;

/// Do everything that has to pass before a change lands
///
/// All steps are run, also if an earlier one fails, and the summary at the end has a line for each.
#[derive(Args)]
pub struct Ci {
    /// In virtual machines, run everything on two kernels, and guests that misbehave; under Miri, all tests with both models
    #[arg(long)]
    full: bool,
}

/// What a step says when it passed; most say nothing.
type Outcome = anyhow::Result<String>;

type Step = (&'static str, fn(&Shell, Length) -> Outcome);

/// How much of it is done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    Short,
    Full,
}

/// The steps: what is quick to fail comes first, and what builds comes before what uses it.
const STEPS: [Step; 18] = [
    ("system packages", |sh, _| system::QEMU.provide(sh)),
    ("rustfmt", |sh, _| rustfmt(sh)),
    ("clippy", |sh, _| clippy(sh)),
    ("rustdoc", |sh, _| rustdoc(sh)),
    ("tests", |sh, _| tests(sh)),
    ("suites on soft:", |_, _| suites_on_soft()),
    ("qualification on qemu:", |_, _| qualify::check("qemu:")),
    ("the command log in Wireshark", |sh, _| wireshark::check(sh)),
    ("suites over VFIO", |_, length| suites_over_vfio(length)),
    ("Linux on the soft controller", |_, length| linux(length)),
    ("suites under nextest", |sh, _| nextest(sh)),
    ("a lab with Slurm", |sh, _| lab::slurm::check(sh)),
    ("a lab with Kubernetes", |sh, _| lab::kubernetes::check(sh)),
    ("100,000 results", |_, _| lab::merge::check(false)),
    ("the report in a browser", |sh, _| report(sh)),
    ("a crate outside", |sh, _| outside::check(sh)),
    ("cargo-deny", |sh, _| deny(sh)),
    // The longest, where it is run at all.
    ("Miri", under_miri),
];

impl Ci {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let sh = Shell::new()?;
        sh.change_dir(root());
        let start = Instant::now();
        let length = if self.full { Length::Full } else { Length::Short };
        let mut summary = Vec::new();
        let mut failed = 0;
        for (name, step) in STEPS {
            println!("\n=== {name}");
            let since = Instant::now();
            let outcome = step(&sh, length);
            failed += usize::from(outcome.is_err());
            let line = line(name, &outcome, since.elapsed());
            println!("=== {line}");
            summary.push(line);
        }
        println!("\n{}", summary.join("\n"));
        println!("{failed} of {} steps failed, in {:.0?}", STEPS.len(), start.elapsed());
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Does one step by itself, for who asks for it by its own name, and prints what it says.
pub fn alone(step: fn(&Shell) -> Outcome) -> anyhow::Result<ExitCode> {
    let sh = Shell::new()?;
    sh.change_dir(root());
    println!("{}", step(&sh)?);
    Ok(ExitCode::SUCCESS)
}

fn line(name: &str, outcome: &Outcome, time: Duration) -> String {
    let (verdict, remark) = match outcome {
        Ok(remark) => ("passed", remark.clone()),
        Err(error) => ("FAILED", format!("{error:#}")),
    };
    format!("{verdict} {:7.1} s  {name}  {remark}", time.as_secs_f64()).trim_end().to_owned()
}

fn rustfmt(sh: &Shell) -> Outcome {
    cmd!(sh, "cargo fmt --all --check").run()?;
    cmd!(sh, "rustfmt --check --edition 2024 xtask/template/tests/nvme.rs").run()?;
    Ok(String::new())
}

fn clippy(sh: &Shell) -> Outcome {
    cmd!(sh, "cargo clippy --workspace --all-targets --locked -- --deny warnings").run()?;
    Ok(String::new())
}

fn rustdoc(sh: &Shell) -> Outcome {
    let doc = cmd!(sh, "cargo doc --workspace --no-deps --locked");
    doc.env("RUSTDOCFLAGS", "--deny warnings").run()?;
    Ok(String::new())
}

/// The tests of the project itself; the suites have steps of their own.
fn tests(sh: &Shell) -> Outcome {
    cmd!(sh, "cargo test --workspace --exclude nvmetest-suites --locked").run()?;
    Ok(String::new())
}

/// Both models of references for all tests take twice as long as one for each.
fn under_miri(sh: &Shell, length: Length) -> Outcome {
    if let Some(why) = miri::missing(sh) {
        return Ok(format!("not run: {why}"));
    }
    match length {
        Length::Short => miri::check_each_once(sh)?,
        Length::Full => miri::check(sh, &[], &[])?,
    }
    Ok(String::new())
}

/// In the profile of the other tests: building a second one takes longer than the suites do.
fn suites_on_soft() -> Outcome {
    let suites = Suites::build(false)?;
    suites.check("soft:")?;
    suites.check_some("soft:irq=msi", &["interrupts".into()])?;
    Ok(String::new())
}

impl Length {
    /// The kernels of the guests.
    fn kernels(self) -> &'static [Choice] {
        match self {
            Self::Short => &[Choice::Stable],
            Self::Full => &[Choice::Stable, Choice::Backports],
        }
    }
}

/// What is left out on a machine that cannot fetch what it takes, unless all is to be done.
fn not_run(length: Length, why: &str) -> Outcome {
    ensure!(length == Length::Short, "it cannot be run: {why}");
    Ok(format!("not run: {why}"))
}

/// In a virtual machine, on a drive that is bound to vfio-pci.
fn suites_over_vfio(length: Length) -> Outcome {
    if let Some(why) = vm::missing(length.kernels()) {
        return not_run(length, &why);
    }
    for kernel in length.kernels() {
        vm::test::Test::check(kernel.clone())?;
    }
    if length == Length::Full {
        for kernel in length.kernels() {
            vm::check::Check::check(kernel.clone())?;
        }
    }
    Ok(String::new())
}

/// In a virtual machine, the kernel's own driver.
fn linux(length: Length) -> Outcome {
    if let Some(why) = vm::missing_for_linux(length.kernels()) {
        return not_run(length, &why);
    }
    for kernel in length.kernels() {
        vm::linux::Linux::check(kernel.clone(), length == Length::Short)?;
    }
    if length == Length::Full {
        for kernel in length.kernels() {
            vm::linux::Linux::check_msi(kernel.clone())?;
            vm::test::Test::check_msi(kernel.clone())?;
        }
    }
    Ok(String::new())
}

fn nextest(sh: &Shell) -> Outcome {
    if system::find("cargo-nextest").is_none() {
        return Ok("not run: cargo-nextest is not installed".to_owned());
    }
    cmd!(sh, "cargo nextest run --package nvmetest-suites --locked").run()?;
    Ok(String::new())
}

fn report(sh: &Shell) -> Outcome {
    println!("{}", system::CHROMIUM.provide(sh)?);
    browser::check_synthetic(sh, None)
}

/// Licences, duplicates and sources. Advisories are left out: their database is on a server that a machine
/// without access to the whole Internet does not reach.
fn deny(sh: &Shell) -> Outcome {
    let own = root().join("target/tools/bin/cargo-deny");
    let tool = system::find("cargo-deny").unwrap_or(own);
    if !tool.is_file() {
        let folder = root().join("target/tools");
        // Optimized, it takes a minute and a half longer to build, to save a second.
        let install = cmd!(sh, "cargo install cargo-deny --debug --locked --root {folder}");
        install.run().context("cargo-deny cannot be installed")?;
    }
    ensure!(tool.is_file(), "cargo-deny was installed, and is not at {}", tool.display());
    cmd!(sh, "{tool} --locked check --hide-inclusion-graph licenses bans sources").run()?;
    Ok("without advisories".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_run_fails_if_all_is_to_be_done() {
        assert_eq!(not_run(Length::Short, "no net").unwrap(), "not run: no net");
        assert!(not_run(Length::Full, "no net").unwrap_err().to_string().contains("no net"));
    }

    #[test]
    fn a_step_is_one_line() {
        let time = Duration::from_millis(1234);
        assert_eq!(line("clippy", &Ok(String::new()), time), "passed     1.2 s  clippy");
        let failed = Err(anyhow::anyhow!("no").context("it does not start"));
        assert_eq!(line("doc", &failed, time), "FAILED     1.2 s  doc  it does not start: no");
    }
}
