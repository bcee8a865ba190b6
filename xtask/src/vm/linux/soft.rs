//! The soft controller in a process of its own.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use anyhow::Context;
use anyhow::ensure;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use tempfile::TempDir;

use super::super::drive;
use super::super::qemu::VFIO_USER;
use crate::parent_death;

/// How much of its complaints is shown.
const COMPLAINTS: u64 = 4096;

/// A soft controller that serves a socket, and ends with this value.
pub struct Soft {
    process: Child,
    folder: TempDir,
}

impl Soft {
    pub fn start(binary: &Path, options: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("nvme.sock");
        let mut command = parent_death::command(binary);
        command.arg("--socket").arg(&socket).arg(options);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let process = command.spawn().context("the soft controller does not start")?;
        let mut soft = Self { process, folder };
        let said = soft.process.stdout.take().context("it has no standard output")?;
        // It names its socket when there is one, or ends.
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        if line.trim().is_empty() {
            let why = soft.complaints();
            ensure!(false, "the soft controller does not start: {why}");
        }
        Ok(soft)
    }

    /// Adds it to a machine, behind a port, where QEMU's drive would be.
    pub fn add_to(&self, qemu: &mut Command) {
        let device = serde_json::json!({
            "driver": VFIO_USER,
            "id": drive::ID,
            "bus": drive::PORT,
            "socket": { "type": "unix", "path": self.folder.path().join("nvme.sock") },
        });
        drive::add_port(qemu);
        qemu.arg("-device").arg(device.to_string());
    }

    /// Ends it. Returns what it complained of, which should be nothing.
    pub fn end(mut self) -> anyhow::Result<String> {
        // In order: its socket goes with it.
        kill(Pid::from_raw(self.process.id().try_into()?), Signal::SIGTERM)?;
        Ok(self.complaints())
    }

    fn complaints(&mut self) -> String {
        let mut said = Vec::new();
        if let Some(stderr) = self.process.stderr.take() {
            let _ = stderr.take(COMPLAINTS).read_to_end(&mut said);
        }
        String::from_utf8_lossy(&said).trim().to_owned()
    }
}

impl Drop for Soft {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
