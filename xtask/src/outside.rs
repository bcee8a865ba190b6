//! The promise of the README: a crate outside the workspace, with two path dependencies and a `main` of a
//! few lines, runs a test of its own.
//!
//! The files in `xtask/template` are what the README shows, and what is run here.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;
use anyhow::ensure;
use xshell::Shell;
use xshell::cmd;

use crate::suites::root;

/// The files of the crate, as a person copies them from the README.
const FILES: [&str; 2] = ["Cargo.toml", "tests/nvme.rs"];

/// What the run says in the end.
const PASSED: &str = "test result: ok. 1 passed; 0 failed";

/// Makes the crate in a folder beside nvmetest, and runs its test.
pub fn check(sh: &Shell) -> anyhow::Result<String> {
    let outside = tempfile::tempdir()?;
    let own = outside.path().join("my-suite");
    for file in FILES {
        let copy = own.join(file);
        fs::create_dir_all(copy.parent().expect("a file is in a folder"))?;
        fs::copy(template().join(file), copy)?;
    }
    // The versions are those that the workspace is tested with, and so nothing is downloaded.
    fs::copy(root().join("Cargo.lock"), own.join("Cargo.lock"))?;
    symlink(root(), outside.path().join("nvmetest"))?;

    let _own = sh.push_dir(&own);
    let cargo = cmd!(sh, "cargo test").env("CARGO_TARGET_DIR", root().join("target/outside"));
    let output = cargo.quiet().read().context("its `cargo test` fails")?;
    println!("{output}");
    ensure!(output.contains(PASSED), "its `cargo test` does not say `{PASSED}`");
    Ok(String::new())
}

fn template() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("template")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a code block of a Markdown text is `text`.
    fn quotes(markdown: &str, text: &str) -> bool {
        let mut blocks = markdown.split("\n```").skip(1).step_by(2);
        blocks.any(|block| {
            block.split_once('\n').is_some_and(|(_, code)| code.trim_end() == text.trim_end())
        })
    }

    #[test]
    fn the_readme_shows_the_crate() {
        let readme = fs::read_to_string(root().join("README.md")).unwrap();
        for file in FILES {
            let text = fs::read_to_string(template().join(file)).unwrap();
            assert!(
                quotes(&readme, &text),
                "README.md does not show xtask/template/{file} as it is"
            );
        }
    }

    #[test]
    fn a_quote_is_a_whole_code_block() {
        let markdown =
            "Text\n\n```toml\n[package]\n```\n\nmore\n\n```rust\nfn main() {}\n// end\n```\n";
        assert!(quotes(markdown, "[package]\n"));
        assert!(quotes(markdown, "fn main() {}\n// end\n"));
        assert!(!quotes(markdown, "fn main() {}\n"));
        assert!(!quotes(markdown, "\nmore\n"));
        assert!(!quotes(markdown, "fn main() { }\n// end\n"));
    }
}
