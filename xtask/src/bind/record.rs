//! What a function was before it was bound to vfio-pci.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use nix::unistd::getpid;
use serde::Deserialize;
use serde::Serialize;

use super::address::Address;
use super::system::System;
use super::system::entries;

/// Where records are: in memory, and gone when the system starts anew, as what they describe.
const FOLDER: &str = "run/nvmetest/bound";

/// What has to be put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The driver that had the function.
    pub driver: Option<String>,
    /// The run that it was bound for, and that puts it back; if it ended otherwise, the next call does.
    pub run: Option<Run>,
}

/// A process, which is not another one that has got its identifier since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub pid: i32,
    pub start: String,
}

impl Run {
    /// This process.
    pub fn this(system: &System<'_>) -> Option<Self> {
        let pid = getpid().as_raw();
        Some(Self { pid, start: start(system, pid)? })
    }

    pub fn is_alive(&self, system: &System<'_>) -> bool {
        start(system, self.pid).as_ref() == Some(&self.start)
    }
}

/// Returns when a process was started, in the kernel's ticks.
fn start(system: &System<'_>, pid: i32) -> Option<String> {
    let stat = fs::read_to_string(system.path(format!("proc/{pid}/stat"))).ok()?;
    // The name, in parentheses, may contain anything; behind it, the start is the 20th field.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19).map(str::to_owned)
}

/// Reads the record of a function, if there is one.
pub fn read(system: &System<'_>, address: &Address) -> anyhow::Result<Option<Record>> {
    let path = path(system, address);
    let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
    let record = serde_json::from_str(&text);
    record.map(Some).with_context(|| format!("{} is no record of ours: remove it", path.display()))
}

/// Writes the record of a function.
///
/// It is whole or not there, whenever this process is killed.
pub fn write(system: &System<'_>, address: &Address, record: &Record) -> anyhow::Result<()> {
    let path = path(system, address);
    let folder = system.path(FOLDER);
    let failed = || format!("there can be no record in {}", folder.display());
    fs::create_dir_all(&folder).with_context(failed)?;
    let new = tempfile::NamedTempFile::new_in(&folder).with_context(failed)?;
    fs::write(new.path(), serde_json::to_string(record)?).with_context(failed)?;
    new.persist(&path).with_context(failed)?;
    Ok(())
}

/// Removes the record of a function.
pub fn remove(system: &System<'_>, address: &Address) {
    // There may be none, and without its folder there is none either.
    let _ = fs::remove_file(path(system, address));
}

/// Returns the functions that have a record.
pub fn all(system: &System<'_>) -> Vec<Address> {
    entries(&system.path(FOLDER)).iter().filter_map(|name| name.parse().ok()).collect()
}

fn path(system: &System<'_>, address: &Address) -> PathBuf {
    system.path(FOLDER).join(address.to_string())
}
