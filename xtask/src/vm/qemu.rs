//! The program that plays the machine.

use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use crate::parent_death;
use crate::system;

/// What the package has.
pub const BINARY: &str = "qemu-system-x86_64";

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
    /// Finds the QEMU that is installed.
    pub fn installed() -> anyhow::Result<Self> {
        let program = system::find(BINARY);
        let program = program.with_context(|| {
            format!("{BINARY} is not installed: `sudo sh xtask/install-qemu.sh` does that")
        })?;
        Ok(Self { program, prefix: Vec::new(), modules: None })
    }

    /// The QEMU in a folder that its packages were unpacked into, with all that they need.
    ///
    /// It runs with the C library in there, and nothing of the system's.
    #[expect(dead_code, reason = "`vm linux` will need it")]
    pub fn unpacked(folder: &Path) -> Self {
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

    /// Returns what it says to `arguments`.
    #[expect(dead_code, reason = "`vm linux` will need it")]
    pub fn ask(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command()?.args(arguments).output().context("QEMU does not start")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
