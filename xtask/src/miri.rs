//! `cargo xtask miri`.

use std::ffi::OsString;
use std::process::ExitCode;
use std::thread;

use anyhow::anyhow;
use anyhow::ensure;
use clap::Args;
use xshell::Shell;
use xshell::cmd;

use crate::suites::root;

/// Run the soundness suite, and the unit tests of memory and queues, under Miri
///
/// Twice: with Stacked Borrows and with Tree Borrows. The exit code is 0 if both are clean, 1 if not, and 4 if Miri is
/// not installed.
#[derive(Args)]
pub struct Miri {
    /// Run only the tests whose names contain one of these
    #[arg(value_name = "FILTER")]
    filters: Vec<OsString>,

    /// Options of the test harness, behind `--`, for example `--exact`; MIRIFLAGS is heeded, too
    #[arg(last = true, value_name = "OPTION")]
    options: Vec<OsString>,
}

/// The exit code when Miri is not installed.
const NOT_INSTALLED: u8 = 4;

/// How references are checked: what it is called, and the flag.
const MODELS: [(&str, &str); 2] =
    [("Stacked Borrows", ""), ("Tree Borrows", "-Zmiri-tree-borrows")];

/// Safe code may leak, and some of the tests do: that is what they are about.
const LEAKS: &str = "-Zmiri-ignore-leaks";

type Tests<'t> = (&'t [&'t str], &'t [&'t str]);

/// The tests, as `cargo test` is told of them, and which of them are run if nobody chooses others.
///
/// The soundness suite is run in full; of the unit tests those of what the suite stands on.
const TESTS: [Tests<'static>; 2] =
    [(&["--test", "soundness"], &[]), (&["--lib"], &["memory::", "queue::"])];

/// The modules of the soundness suite that take half of its time.
const HALF: [&str; 3] = ["completions::", "ended::", "hung::"];

/// Tests with random cases, of which there are too many for Miri.
const SKIPPED: [&str; 8] = [
    "--skip",
    "a_walk_of_the_entries_gives",
    "--skip",
    "no_page_is_taken_twice",
    "--skip",
    "margins_are_beside_the_loan",
    "--skip",
    "what_follows_is_admitted",
];

impl Miri {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let sh = Shell::new()?;
        sh.change_dir(root());
        if let Some(why) = missing(&sh) {
            eprintln!("xtask: {why}");
            return Ok(NOT_INSTALLED.into());
        }
        check(&sh, &self.filters, &self.options)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Runs the tests under Miri, with both models.
pub fn check(sh: &Shell, filters: &[OsString], options: &[OsString]) -> anyhow::Result<()> {
    at_once(sh, [&TESTS, &TESTS], filters, options)
}

/// Runs the tests under Miri in half the time: one half of the soundness suite with each model. The unit tests take seconds.
pub fn check_each_once(sh: &Shell) -> anyhow::Result<()> {
    let [(suite, _), units] = TESTS;
    let others = HALF.map(|module| ["--skip", module]);
    at_once(sh, [&[(suite, &HALF), units], &[(suite, others.as_flattened()), units]], &[], &[])
}

/// Runs tests with each model, both at once: each has a processor of its own, and takes minutes.
fn at_once(
    sh: &Shell,
    tests: [&[Tests<'_>]; 2],
    filters: &[OsString],
    options: &[OsString],
) -> anyhow::Result<()> {
    let ([first, second], [one, two]) = (MODELS, tests);
    thread::scope(|scope| {
        let other_sh = sh.clone();
        let other =
            scope.spawn(move || check_with(&other_sh, second, two, filters, options, Words::Kept));
        let result = check_with(sh, first, one, filters, options, Words::Shown);
        let other = other.join().map_err(|_| anyhow!("Miri with {} was not run", second.0))?;
        result.and(other)
    })
}

/// What becomes of what the tests print: that of two models at once could not be told apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    Shown,
    /// Until the tests have ended.
    Kept,
}

fn check_with(
    sh: &Shell,
    (model, flag): (&str, &str),
    tests: &[Tests<'_>],
    filters: &[OsString],
    options: &[OsString],
    words: Words,
) -> anyhow::Result<()> {
    let flags = std::env::var("MIRIFLAGS").unwrap_or_default();
    for (target, all) in tests.iter().copied() {
        let test = cmd!(sh, "cargo +nightly miri test --package nvmetest --locked {target...} --");
        let test = if filters.is_empty() { test.args(all) } else { test.args(filters) };
        let test = test.args(SKIPPED).args(options);
        let test = test.env("MIRIFLAGS", format!("{LEAKS} {flag} {flags}"));
        println!("Miri with {model}: {}", target.join(" "));
        if words == Words::Shown {
            test.run()?;
            continue;
        }
        let output = test.ignore_status().quiet().output()?;
        let (out, err) = (output.stdout.as_slice(), output.stderr.as_slice());
        println!("\nMiri with {model}:\n{}", String::from_utf8_lossy(out));
        ensure!(output.status.success(), "Miri with {model}:\n{}", String::from_utf8_lossy(err));
    }
    Ok(())
}

/// Says what has to be installed, and how, if Miri does not start.
pub fn missing(sh: &Shell) -> Option<String> {
    let toolchains = cmd!(sh, "rustup toolchain list").quiet().ignore_stderr().read();
    let components =
        cmd!(sh, "rustup component list --toolchain nightly --installed").quiet().ignore_stderr();
    missing_of(&toolchains.unwrap_or_default(), &components.read().unwrap_or_default())
}

/// As [`missing`], from what rustup says.
fn missing_of(toolchains: &str, components: &str) -> Option<String> {
    if !toolchains.lines().any(|name| name.starts_with("nightly")) {
        return Some(
            "Miri needs a nightly toolchain, and none is installed: run `rustup toolchain install nightly \
             --component miri,rust-src`"
                .to_owned(),
        );
    }
    let needed = ["miri", "rust-src"];
    let has = |name: &&str| components.lines().any(|installed| installed.starts_with(*name));
    let missing: Vec<_> = needed.into_iter().filter(|name| !has(name)).collect();
    if missing.is_empty() {
        return None;
    }
    Some(format!(
        "the nightly toolchain lacks {}: run `rustup component add {} --toolchain nightly`",
        missing.join(" and "),
        missing.join(" "),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOLCHAINS: &str =
        "stable-x86_64-unknown-linux-gnu (default)\nnightly-x86_64-unknown-linux-gnu\n";

    #[test]
    fn what_is_missing_is_named_with_the_command_that_installs_it() {
        let without = missing_of("stable-x86_64-unknown-linux-gnu (default)\n", "").unwrap();
        assert!(without.contains("`rustup toolchain install nightly"), "{without}");
        let bare = missing_of(TOOLCHAINS, "cargo-x86_64-unknown-linux-gnu\nrust-src\n").unwrap();
        assert!(
            bare.ends_with("lacks miri: run `rustup component add miri --toolchain nightly`"),
            "{bare}"
        );
        let none = missing_of(TOOLCHAINS, "").unwrap();
        assert!(none.contains("lacks miri and rust-src"), "{none}");
        let all = "miri-x86_64-unknown-linux-gnu\nrust-src\n";
        assert_eq!(missing_of(TOOLCHAINS, all), None);
    }
}
