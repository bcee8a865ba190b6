//! `replay`: the I/O commands of a log on a device.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::Filter;
use super::Input;
use super::ToolError;
use super::output;
use crate::Controller;
use crate::Error;
use crate::Shutdown;
use crate::cmdlog::Record;
use crate::cmdlog::Replay;
use crate::cmdlog::Speed;
use crate::cmdlog::replay;
use crate::memory::Arena;
use crate::transport::DeviceUri;
use crate::transport::Scheme;

/// A replay is planned as a whole; a log of more commands is replayed in parts.
const COMMANDS_MAX: usize = 4_000_000;

/// The memory that a replay can lend to its device: that of its queues, and two transfers of the greatest size.
const MEMORY: usize = 256 << 20;

/// What `cmdlog replay` is told.
#[derive(Args, Debug)]
pub struct ReplayArguments {
    /// The command log, or a folder that has one
    #[arg(value_name = "LOG")]
    pub log: PathBuf,
    /// The device
    #[arg(long, value_name = "URI")]
    pub device: DeviceUri,
    /// When commands are sent
    #[arg(long, value_name = "SPEED", value_enum, default_value_t)]
    pub speed: Speed,
    /// Send writes, too: what the namespace holds is lost
    #[arg(long)]
    pub writes: bool,
    /// What the data of writes comes from
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub seed: u64,
    /// Which commands
    #[command(flatten)]
    pub filter: Filter,
}

impl ReplayArguments {
    pub(super) fn run(self, schemes: &[&'static dyn Scheme]) -> Result<ExitCode, ToolError> {
        let Self { log, device, speed, writes, seed, filter } = self;
        let mut input = Input::open(&log)?;
        let records: Vec<Record> = filter
            .select(&mut input)
            .filter(|record| !record.is_admin())
            .take(COMMANDS_MAX + 1)
            .collect();
        input.print_note();
        if COMMANDS_MAX < records.len() {
            return Err(ToolError::new(format!(
                "these are more than {COMMANDS_MAX} commands; replay them in parts, with `--since` and `--until`"
            )));
        }
        if records.is_empty() {
            return Err(ToolError::new("the log has no such I/O commands"));
        }
        let mut nvme = open(&device, schemes)?;
        let replayed = replay(&nvme, &records, &Replay { speed, writes, seed });
        // The controller may be what failed; then its end is no news.
        let _ = nvme.shut_down(Shutdown::Normal);
        let replayed = replayed.map_err(|error| match error {
            Error::Blocked(why) => ToolError::new(why),
            error => ToolError::new(format!("the replay on {device} ended: {error}")),
        })?;
        output::print(|output| write!(output, "{replayed}"))?;
        Ok(if replayed.different == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}

fn open(device: &DeviceUri, schemes: &[&'static dyn Scheme]) -> Result<Controller, ToolError> {
    let known = || -> Vec<String> {
        schemes.iter().map(|scheme| format!("`{}:`", scheme.name())).collect()
    };
    let scheme = schemes.iter().find(|scheme| scheme.name() == device.scheme());
    let scheme = scheme.ok_or_else(|| {
        let (unknown, known) = (device.scheme(), known().join(", "));
        ToolError::new(format!("there is no device scheme `{unknown}:`; there are {known}"))
    })?;
    let arena = Arena::new(MEMORY).map_err(|error| {
        ToolError::new(format!("cannot make {MEMORY} bytes of shared memory: {error}"))
    })?;
    let arena = Arc::new(arena);
    let function =
        scheme.open(device, &arena).map_err(|error| ToolError::new(error.to_string()))?;
    Controller::open(function, arena).map_err(|error| {
        ToolError::new(format!("cannot initialize the controller of {device}: {error}"))
    })
}
