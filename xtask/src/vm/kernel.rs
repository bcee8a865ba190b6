//! The kernel of a guest.

use std::convert::Infallible;
use std::fmt;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context;
use anyhow::ensure;
use xshell::Shell;
use xshell::cmd;

use super::apt::Archive;
use super::apt::Suite;
use super::store;

/// The packages that need the newest kernel of a suite, the smallest first.
const NEWEST: [&str; 2] = ["linux-image-cloud-amd64", "linux-image-amd64"];

/// What the packages are called that have parts of a kernel.
const PARTS: [&str; 3] = ["linux-image-", "linux-binary-", "linux-modules-"];

/// Which kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// That of the Debian release which this machine runs.
    Stable,
    /// That of the release's backports.
    Backports,
    /// A kernel package, or a folder that one was unpacked into.
    Path(PathBuf),
}

impl FromStr for Choice {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "stable" => Self::Stable,
            "backports" => Self::Backports,
            // Its own name is that of the run, which `..` is not; and QEMU has another working folder.
            path => Self::Path(fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path))),
        })
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stable => f.write_str("stable"),
            Self::Backports => f.write_str("backports"),
            Self::Path(path) => {
                f.write_str(&path.file_name().unwrap_or_default().to_string_lossy())
            }
        }
    }
}

/// A kernel that was unpacked.
#[derive(Debug)]
pub struct Kernel {
    /// The folder that its packages were unpacked into.
    pub folder: PathBuf,
    /// The compressed image that boots.
    pub image: PathBuf,
    /// The folder of its modules.
    pub modules: PathBuf,
    /// What `uname -r` will say.
    pub release: String,
}

impl Kernel {
    /// Fetches the kernel, unless it was before.
    pub fn provide(choice: &Choice) -> anyhow::Result<Self> {
        let folder = match choice {
            Choice::Stable => provide("kernel/stable", Suite::Own)?,
            Choice::Backports => provide("kernel/backports", Suite::OwnBackports)?,
            Choice::Path(path) if path.is_dir() => path.clone(),
            Choice::Path(package) => {
                ensure!(
                    package.is_file(),
                    "{} is no kernel package, and no folder: `--kernel` is `stable`, `backports`, or a path",
                    package.display()
                );
                let folder = store::empty(&format!("kernel/{choice}"))?;
                unpack(package, &folder)?;
                folder
            }
        };
        Self::find(&folder)
    }

    /// Finds the kernel in the folder that its packages were unpacked into.
    fn find(folder: &Path) -> anyhow::Result<Self> {
        let lost = || {
            format!(
                "{} has no kernel with its modules: where a kernel is in several packages, unpack them into one \
                 folder by `dpkg --extract`, and give that",
                folder.display()
            )
        };
        let parents = ["lib/modules", "usr/lib/modules"].map(|parent| folder.join(parent));
        let mut found = parents.iter().filter_map(|parent| fs::read_dir(parent).ok()).flatten();
        let modules = found.next().transpose()?.with_context(lost)?.path();
        let release = modules.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let images =
            [folder.join("boot").join(format!("vmlinuz-{release}")), modules.join("vmlinuz")];
        let image = images.into_iter().find(|image| image.is_file()).with_context(lost)?;
        Ok(Self { folder: folder.to_owned(), image, modules, release })
    }
}

/// Unpacks a package.
fn unpack(package: &Path, folder: &Path) -> anyhow::Result<()> {
    let sh = Shell::new()?;
    let output = cmd!(sh, "dpkg --extract {package} {folder}").quiet().ignore_status().output();
    let output = output.context("packages are unpacked by dpkg, and it does not run")?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    let complaints = complaints.trim();
    ensure!(output.status.success(), "{} is no package: {complaints}", package.display());
    Ok(())
}

fn provide(name: &str, suite: Suite<'_>) -> anyhow::Result<PathBuf> {
    store::provide(name, |folder| {
        let archive = Archive::open(suite)?;
        let needed =
            archive.needed_for(&NEWEST[..1]).or_else(|_| archive.needed_for(&NEWEST[1..]))?;
        let is_part =
            |name: &&str| PARTS.iter().any(|part| name.starts_with(part)) && !NEWEST.contains(name);
        let parts: Vec<&str> = needed.iter().map(String::as_str).filter(is_part).collect();
        ensure!(!parts.is_empty(), "{} needs no package with a kernel", NEWEST[0]);
        archive.unpack(&parts, folder)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_of_a_package_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let old = folder.path().join("old");
        fs::create_dir_all(old.join("lib/modules/6.1-cloud")).unwrap();
        fs::create_dir_all(old.join("boot")).unwrap();
        assert!(Kernel::find(&old).unwrap_err().to_string().contains("has no kernel"));
        fs::write(old.join("boot/vmlinuz-6.1-cloud"), "").unwrap();
        assert_eq!(Kernel::find(&old).unwrap().release, "6.1-cloud");

        let new = folder.path().join("new");
        fs::create_dir_all(new.join("usr/lib/modules/7.3-cloud")).unwrap();
        fs::write(new.join("usr/lib/modules/7.3-cloud/vmlinuz"), "").unwrap();
        let kernel = Kernel::find(&new).unwrap();
        assert_eq!(kernel.image, new.join("usr/lib/modules/7.3-cloud/vmlinuz"));
    }
}
