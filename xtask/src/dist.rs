//! `cargo xtask dist`.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use anyhow::ensure;
use clap::Args;
use xshell::Shell;
use xshell::cmd;

use crate::suites::executable;
use crate::suites::root;
use crate::vm::payload::FLAGS;
use crate::vm::payload::TARGET;

const NAME: &str = "nvmetest-qualify";

/// Build the one program that a lab copies to its machines: static, and in need of nothing there
#[derive(Args)]
pub struct Dist {
    /// Build without optimization, which is faster to build
    #[arg(long)]
    debug: bool,
}

impl Dist {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let program = build(!self.debug)?;
        println!("{}", program.display());
        Ok(ExitCode::SUCCESS)
    }
}

/// Builds it, and sees it run where there is nothing. Returns where it is.
pub fn build(release: bool) -> anyhow::Result<PathBuf> {
    let sh = Shell::new()?;
    sh.change_dir(root());
    let release = release.then_some("--release");
    let cargo = cmd!(
        sh,
        "cargo build --package nvmetest-suites --bin {NAME} {release...} --quiet --target {TARGET} --message-format json-render-diagnostics"
    );
    let messages = cargo.env("RUSTFLAGS", FLAGS).quiet().read();
    let messages = messages.with_context(|| format!("{NAME} cannot be built statically"))?;
    let built = executable(&messages, NAME, false)
        .with_context(|| format!("cargo did not say where {NAME} is"))?;
    let folder = root().join("target/dist");
    fs::create_dir_all(&folder)?;
    let program = folder.join(NAME);
    // A program that runs cannot be written to, and can be replaced.
    let new = folder.join(format!("{NAME}.new"));
    fs::copy(&built, &new)?;
    fs::rename(&new, &program)?;

    let bytes = fs::read(&program)?;
    ensure!(!has_interpreter(&bytes), "{} needs a dynamic linker", program.display());
    let empty = tempfile::tempdir()?;
    let out = empty.path().join("out");
    sh.change_dir(empty.path());
    let run =
        cmd!(sh, "env --ignore-environment {program} run --profile smoke --out {out} --quiet");
    run.quiet().ignore_stdout().run().context("it does not run in an empty environment")?;
    Ok(program)
}

/// Returns whether a program is loaded by another, as the ELF header and its program headers say (PT_INTERP is 3).
fn has_interpreter(elf: &[u8]) -> bool {
    let number = |at: usize, size: usize| {
        let bytes = elf.get(at..at + size)?;
        Some(bytes.iter().rev().fold(0_usize, |number, &byte| (number << 8) | usize::from(byte)))
    };
    let headers = || Some((number(32, 8)?, number(54, 2)?, number(56, 2)?));
    let Some((start, size, count)) = headers() else { return true };
    let is_interpreter = |index: usize| {
        let at = index.checked_mul(size).and_then(|offset| offset.checked_add(start));
        at.and_then(|at| number(at, 4)) == Some(3)
    };
    (0..count).any(is_interpreter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_needs_a_dynamic_linker_is_known_by_it() {
        let shell = fs::read("/bin/sh").unwrap();
        assert!(has_interpreter(&shell));
        assert!(has_interpreter(b"no program"), "what is not understood is not taken for good");
        let mut none = vec![0; 64];
        none[..4].copy_from_slice(b"\x7fELF");
        assert!(!has_interpreter(&none));
    }
}
