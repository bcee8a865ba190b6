//! The soft controller in a process of its own.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use anyhow::Context;
use anyhow::ensure;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::super::drive;
use super::super::qemu::VFIO_USER;
use super::super::store;
use crate::parent_death;

/// How much of its complaints is shown.
const COMPLAINTS: u64 = 4096;

/// What the socket is called in its folder. The path of the folder may be longer than that of a socket can be, so who uses it
/// does that from within.
const SOCKET: &str = "nvme.sock";

/// A soft controller that serves a socket, and ends with this value.
pub struct Soft {
    process: Child,
    /// The folder of the socket. It has the name of the run: what a run leaves that is killed, the next one finds.
    folder: PathBuf,
}

impl Soft {
    pub fn start(binary: &Path, options: &str, run: &str) -> anyhow::Result<Self> {
        let folder = store::empty(&format!("socket/{run}"))?;
        let mut command = parent_death::command(binary);
        command.current_dir(&folder).args(["--socket", SOCKET, options]);
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
            "socket": { "type": "unix", "path": SOCKET },
        });
        drive::add_port(qemu);
        qemu.current_dir(&self.folder).arg("-device").arg(device.to_string());
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
        let _ = fs::remove_dir_all(&self.folder);
    }
}
