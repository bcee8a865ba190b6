//! What of the system the project needs beside Rust.

use std::env;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;
use anyhow::bail;
use xshell::Shell;
use xshell::cmd;

/// Something of the system, and the recipe that installs it: root runs that, here or by hand.
pub struct Package {
    name: &'static str,
    programs: &'static [&'static str],
    recipe: &'static str,
}

/// What the device of `qemu:` runs in.
pub const QEMU: Package =
    Package { name: "QEMU", programs: &["qemu-system-x86_64"], recipe: "xtask/install-qemu.sh" };

/// What the check of docs/lab runs.
pub const SLURM: Package = Package {
    name: "Slurm",
    programs: &["munged", "slurmctld", "slurmd", "sbatch"],
    recipe: "xtask/install-slurm.sh",
};

/// What reads the capture of a command log.
pub const TSHARK: Package =
    Package { name: "tshark", programs: &["tshark"], recipe: "xtask/install-tshark.sh" };

/// The browser that reports are looked at with.
pub const CHROMIUM: Package =
    Package { name: "Chromium", programs: &["chromium"], recipe: "xtask/install-chromium.sh" };

impl Package {
    /// Sees to it that it is there. Returns what was done.
    pub fn provide(&self, sh: &Shell) -> anyhow::Result<String> {
        let Self { name, recipe, .. } = self;
        let Some(program) = self.missing() else { return Ok(format!("{name} is there")) };
        if cmd!(sh, "id --user").quiet().read()? != "0" {
            bail!(
                "{program} is missing, and only root can install it: run `sudo sh {recipe}` once"
            );
        }
        cmd!(sh, "sh {recipe}").run().with_context(|| format!("{name} cannot be installed"))?;
        match self.missing() {
            None => Ok(format!("{name} was installed")),
            Some(program) => bail!("{name} was installed, and {program} is not on PATH"),
        }
    }

    fn missing(&self) -> Option<&'static str> {
        // Daemons are on the PATH of root only.
        let is_there =
            |program| find(program).is_some() || Path::new(DAEMONS).join(program).is_file();
        self.programs.iter().copied().find(|program| !is_there(program))
    }
}

/// Where daemons are.
const DAEMONS: &str = "/usr/sbin";

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
        for Package { recipe, .. } in [QEMU, SLURM, TSHARK, CHROMIUM] {
            let text = fs::read_to_string(root().join(recipe)).unwrap();
            for word in ["://", ".org", ".com", ".net"] {
                assert!(!text.contains(word), "{recipe} contains `{word}`");
            }
        }
        let qemu = fs::read_to_string(root().join(QEMU.recipe)).unwrap();
        assert!(qemu.contains("apt-get indextargets"), "it no longer asks apt for the mirror");
    }
}
