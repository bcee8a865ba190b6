//! The program that plays the machine.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;
use clap::ValueEnum;

use super::apt::Archive;
use super::apt::Suite;
use super::store;
use crate::parent_death;
use crate::system;

/// What the package has.
pub const BINARY: &str = "qemu-system-x86_64";

/// The device that is in another process.
pub const VFIO_USER: &str = "vfio-user-pci";

/// Where to look for it, by names that stay when Debian releases, and what each of them is on top of.
const SUITES: [(&str, &str); 3] =
    [("stable-backports", "stable"), ("testing", "testing"), ("unstable", "unstable")];

/// Which QEMU plays the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// The one that is installed.
    Installed,
    /// The newest of Debian's, unpacked beside the system.
    Newest,
}

/// A QEMU.
#[derive(Debug, Clone)]
pub struct Qemu {
    program: PathBuf,
    /// What comes before all other arguments.
    prefix: Vec<OsString>,
    /// Where its modules are, if not where it was built for.
    modules: Option<PathBuf>,
}

impl Qemu {
    pub fn provide(which: Which) -> anyhow::Result<Self> {
        match which {
            Which::Installed => Self::installed(),
            Which::Newest => Self::with_vfio_user(),
        }
    }

    /// Finds the QEMU that is installed.
    pub fn installed() -> anyhow::Result<Self> {
        let program = system::find(BINARY);
        let program = program.with_context(|| {
            format!("{BINARY} is not installed: `sudo sh xtask/install-qemu.sh` does that")
        })?;
        Ok(Self { program, prefix: Vec::new(), modules: None })
    }

    /// Fetches a QEMU whose devices may be in another process, unless it was fetched before.
    ///
    /// It is unpacked beside the system's, with all that it needs.
    pub fn with_vfio_user() -> anyhow::Result<Self> {
        let folder = store::provide("qemu", |folder| {
            let mut why = Vec::new();
            for (suite, base) in SUITES {
                match fetch(Suite::Named { suite, base }, folder) {
                    Ok(()) => return Ok(()),
                    Err(error) => why.push(format!("{suite}: {error:#}")),
                }
            }
            bail!("no suite of Debian's has a QEMU with {VFIO_USER}: {}", why.join("; "))
        })?;
        Ok(Self::unpacked(&folder))
    }

    /// The QEMU in a folder that its packages were unpacked into, with all that they need.
    ///
    /// It runs with the C library in there, and nothing of the system's.
    fn unpacked(folder: &Path) -> Self {
        let usr = folder.join("usr");
        let libraries = usr.join("lib/x86_64-linux-gnu");
        let mut path = libraries.clone().into_os_string();
        path.push(":");
        path.push(folder.join("lib/x86_64-linux-gnu"));
        let mut prefix = vec!["--library-path".into(), path, usr.join("bin").join(BINARY).into()];
        for data in ["share/qemu", "share/seabios", "lib/ipxe/qemu"] {
            prefix.extend(["-L".into(), usr.join(data).into()]);
        }
        let loaders = ["usr/lib64", "lib64"].map(|it| folder.join(it).join("ld-linux-x86-64.so.2"));
        let [first, second] = loaders;
        let program = if first.exists() { first } else { second };
        Self { program, prefix, modules: Some(libraries.join("qemu")) }
    }

    /// Makes the command that starts it. The process does not outlive the thread that starts it.
    pub fn command(&self) -> anyhow::Result<Command> {
        let mut command = parent_death::command(&self.program);
        command.args(&self.prefix);
        if let Some(modules) = &self.modules {
            command.env("QEMU_MODULE_DIR", modules);
        }
        Ok(command)
    }

    /// Returns its version, such as `10.0.2`.
    pub fn version(&self) -> anyhow::Result<String> {
        let said = self.ask(&["-version"])?;
        Ok(version(&said).with_context(|| format!("QEMU says no version: {said}"))?.to_owned())
    }

    /// Returns what it says to `arguments`.
    fn ask(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command()?.args(arguments).output().context("QEMU does not start")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Reads `QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)`.
fn version(said: &str) -> Option<&str> {
    let (_, version) = said.split_once(" version ")?;
    version.split_whitespace().next()
}

/// Unpacks the QEMU of a suite, and asks it for the device.
fn fetch(suite: Suite<'_>, folder: &Path) -> anyhow::Result<()> {
    // What another suite left would be mixed with it.
    fs::remove_dir_all(folder)?;
    fs::create_dir(folder)?;
    let archive = Archive::open(suite)?;
    let needed = archive.needed_for(&["qemu-system-x86"])?;
    archive.unpack(&needed.iter().map(String::as_str).collect::<Vec<_>>(), folder)?;
    let devices = Qemu::unpacked(folder).ask(&["-device", "help"])?;
    ensure!(devices.contains(VFIO_USER), "its QEMU has no {VFIO_USER}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_word() {
        let said = "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright (c) 2003\n";
        assert_eq!(version(said), Some("10.0.2"));
        assert_eq!(version("what?"), None);
    }
}
