//! What of the system the project needs beside Rust.

use std::env;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;
use anyhow::bail;
use xshell::Shell;
use xshell::cmd;

/// Installs QEMU, and is what a person runs who is not root.
const INSTALL_QEMU: &str = "xtask/install-qemu.sh";

/// The device of `qemu:` runs in this.
const QEMU: &str = "qemu-system-x86_64";

/// Installs Chromium, and is what a person runs who is not root.
const INSTALL_CHROMIUM: &str = "xtask/install-chromium.sh";

/// The browser that reports are looked at with.
pub const CHROMIUM: &str = "chromium";

/// Sees to it that QEMU is there. Returns what was done.
pub fn provide_qemu(sh: &Shell) -> anyhow::Result<String> {
    if let Some(path) = find(QEMU) {
        return Ok(format!("{} is there", path.display()));
    }
    if cmd!(sh, "id --user").quiet().read()? != "0" {
        bail!("{QEMU} is missing, and only root can install it: run `sudo sh {INSTALL_QEMU}` once");
    }
    cmd!(sh, "sh {INSTALL_QEMU}").run().context("QEMU cannot be installed")?;
    let path =
        find(QEMU).with_context(|| format!("QEMU was installed, and {QEMU} is not on PATH"))?;
    Ok(format!("{} was installed", path.display()))
}

/// Sees to it that Chromium is there. Returns what was done.
pub fn provide_chromium(sh: &Shell) -> anyhow::Result<String> {
    if let Some(path) = find(CHROMIUM) {
        return Ok(format!("{} is there", path.display()));
    }
    if cmd!(sh, "id --user").quiet().read()? != "0" {
        bail!(
            "{CHROMIUM} is missing, and only root can install it: run `sudo sh {INSTALL_CHROMIUM}` once"
        );
    }
    cmd!(sh, "sh {INSTALL_CHROMIUM}").run().context("Chromium cannot be installed")?;
    Ok(format!("{CHROMIUM} was installed"))
}

/// Finds a program on PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    find_in(&env::var_os("PATH")?, program)
}

fn find_in(path: &std::ffi::OsStr, program: &str) -> Option<PathBuf> {
    env::split_paths(path).map(|folder| folder.join(program)).find(|path| Path::is_file(path))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::suites::root;

    #[test]
    fn a_program_is_found_in_the_first_folder_that_has_it() {
        let [first, second] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let path = env::join_paths([first.path(), second.path()]).unwrap();
        assert_eq!(find_in(&path, "tool"), None);
        fs::create_dir(first.path().join("tool")).unwrap();
        fs::write(second.path().join("tool"), "").unwrap();
        assert_eq!(find_in(&path, "tool"), Some(second.path().join("tool")));
    }

    /// The packages come from wherever the system takes its own.
    #[test]
    fn the_recipe_names_no_mirror() {
        let recipe = fs::read_to_string(root().join(INSTALL_QEMU)).unwrap();
        assert!(recipe.contains("apt-get indextargets"), "it no longer asks apt for the mirror");
        for word in ["://", ".org", ".com", ".net"] {
            assert!(!recipe.contains(word), "the recipe contains `{word}`");
        }
    }
}
