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

/// Installs Slurm, in the same way.
const INSTALL_SLURM: &str = "xtask/install-slurm.sh";

/// What the check of docs/lab runs; the daemons are on the PATH of root only.
const SLURM: [&str; 4] =
    ["/usr/sbin/munged", "/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/bin/sbatch"];

/// The device of `qemu:` runs in this.
const QEMU: &str = "qemu-system-x86_64";

/// The capture of a command log is read by this.
const TSHARK: &str = "tshark";

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

/// Sees to it that Slurm is there. Returns what was done.
pub fn provide_slurm(sh: &Shell) -> anyhow::Result<String> {
    let missing = || SLURM.into_iter().find(|program| !Path::new(program).is_file());
    let Some(program) = missing() else { return Ok("Slurm is there".to_owned()) };
    if cmd!(sh, "id --user").quiet().read()? != "0" {
        bail!(
            "{program} is missing, and only root can install it: run `sudo sh {INSTALL_SLURM}` once"
        );
    }
    cmd!(sh, "sh {INSTALL_SLURM}").run().context("Slurm cannot be installed")?;
    match missing() {
        None => Ok("Slurm was installed".to_owned()),
        Some(program) => bail!("Slurm was installed, and {program} is not there"),
    }
}

/// Sees to it that tshark is there, which has the dissectors of Wireshark. Returns what was done.
pub fn provide_tshark(sh: &Shell) -> anyhow::Result<String> {
    if find(TSHARK).is_some() {
        return Ok(format!("{TSHARK} is there"));
    }
    if cmd!(sh, "id --user").quiet().read()? != "0" {
        bail!(
            "{TSHARK} is missing, and only root can install it: run `sudo apt-get install {TSHARK}` once"
        );
    }
    let apt_get = |arguments: &[&str]| {
        cmd!(sh, "apt-get -q {arguments...}").env("DEBIAN_FRONTEND", "noninteractive").run()
    };
    let install = || apt_get(&["install", "-y", "--no-install-recommends", "--no-remove", TSHARK]);
    // The lists that are there may name packages that are no longer.
    install().or_else(|_| apt_get(&["update"]).and_then(|()| install()))?;
    find(TSHARK).with_context(|| format!("{TSHARK} was installed, and is not on PATH"))?;
    Ok(format!("{TSHARK} was installed"))
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
    fn the_recipes_name_no_mirror() {
        let recipe = |path| fs::read_to_string(root().join(path)).unwrap();
        assert!(
            recipe(INSTALL_QEMU).contains("apt-get indextargets"),
            "it no longer asks apt for the mirror"
        );
        for path in [INSTALL_QEMU, INSTALL_SLURM, INSTALL_CHROMIUM] {
            for word in ["://", ".org", ".com", ".net"] {
                assert!(!recipe(path).contains(word), "{path} contains `{word}`");
            }
        }
    }
}
