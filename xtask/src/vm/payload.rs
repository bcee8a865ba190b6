//! The programs that run in a guest: linked statically, since a guest has no libraries.

use std::path::PathBuf;

use anyhow::Context;
use xshell::Shell;
use xshell::cmd;

use crate::suites::executable;
use crate::suites::root;

/// The machine's own toolchain makes static programs, too; named as a target, it has a folder of its own, and what
/// was built for the machine itself stays.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Symbols stay, for backtraces; the rest would only be copied.
pub const FLAGS: &str = "-C target-feature=+crt-static -C strip=debuginfo";

/// Builds the soft controller for this machine. Returns where it is.
pub fn soft_controller() -> anyhow::Result<PathBuf> {
    let sh = Shell::new()?;
    sh.change_dir(root());
    let cargo = cmd!(
        sh,
        "cargo build --quiet --package nvmetest-fixtures --bin nvmetest-soft --message-format json-render-diagnostics"
    );
    let messages = cargo.quiet().read().context("the soft controller cannot be built")?;
    executable(&messages, "nvmetest-soft", false)
        .context("cargo did not say where the soft controller is")
}

/// A program of the workspace.
#[derive(Debug, Clone, Copy)]
pub enum Program {
    /// The test target of the suites.
    Suites,
    /// The benchmark.
    Bench,
    /// The tests of the way to a drive.
    Vfio,
    /// A suite whose device leaves its memory.
    FaultStorm,
    /// The project's chores, of which a guest needs `bind`.
    Xtask,
}

impl Program {
    /// Builds it. Returns where it is.
    pub fn build(self) -> anyhow::Result<PathBuf> {
        let (name, is_test, arguments) = match self {
            Self::Suites => ("nvme", true, "test --package nvmetest-suites --test nvme --no-run"),
            Self::Bench => {
                ("bench", false, "build --package nvmetest-fixtures --example bench --release")
            }
            Self::Vfio => ("vfio", true, "test --package nvmetest --test vfio --no-run"),
            Self::FaultStorm => {
                ("fault_storm", true, "test --package nvmetest --test fault_storm --no-run")
            }
            Self::Xtask => ("xtask", false, "build --package xtask --bin xtask"),
        };
        let sh = Shell::new()?;
        sh.change_dir(root());
        let arguments = arguments.split(' ');
        let cargo = cmd!(
            sh,
            "cargo {arguments...} --quiet --target {TARGET} --message-format json-render-diagnostics"
        );
        let messages = cargo.env("RUSTFLAGS", FLAGS).quiet().read();
        let messages = messages.with_context(|| format!("{name} cannot be built statically"))?;
        executable(&messages, name, is_test)
            .with_context(|| format!("cargo did not say where {name} is"))
    }
}
