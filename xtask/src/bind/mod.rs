//! `cargo xtask bind` and `cargo xtask unbind`: a drive goes from the kernel's driver to vfio-pci, and back.

mod address;
mod binding;
mod obstacles;
mod record;
mod system;
#[cfg(test)]
mod tests;
mod users;

use std::ffi::OsString;
use std::process::Command;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use address::Address;
use system::System;

/// Give an NVMe drive to vfio-pci, from which `pci:` takes it
///
/// Nothing is changed if there is an obstacle, and each is named with its way out. A drive of which anything is
/// mounted or held is not taken from its driver without `--force`.
#[derive(Args)]
pub struct Bind {
    /// The drive, as in 0000:01:00.0; `lspci -D` lists them
    address: Address,

    /// Take the drive also from a mounted file system or another holder, which then loses its data
    #[arg(long)]
    force: bool,

    /// A command that is run while the drive is bound, behind `--`; afterwards the kernel's driver has it again
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Give drives back to the driver that had them
#[derive(Args)]
pub struct Unbind {
    /// The drives; all that were bound if none is given
    addresses: Vec<Address>,
}

impl Bind {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let system = System::real();
        binding::restore_abandoned(&system)?;
        let Some((program, arguments)) = self.command.split_first() else {
            let group = binding::bind(&system, &self.address, self.force, None)?;
            if let Some(warning) = obstacles::memlock_warning(&system) {
                eprintln!("xtask: {warning}");
            }
            println!("{} is bound to vfio-pci, in IOMMU group {group}", self.address);
            println!("the suites: cargo xtask test --device pci:{}", self.address);
            println!("back again: cargo xtask unbind {}", self.address);
            return Ok(ExitCode::SUCCESS);
        };
        let run = record::Run::this(&system);
        binding::bind(&system, &self.address, self.force, run)?;
        let ended = Command::new(program).args(arguments).status();
        let restored = binding::unbind(&system, &self.address);
        let status = ended.with_context(|| format!("{} does not start", program.display()))?;
        restored?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
    }
}

impl Unbind {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let system = System::real();
        let all = if self.addresses.is_empty() { record::all(&system) } else { self.addresses };
        for address in all {
            match binding::unbind(&system, &address)? {
                Some(driver) => println!("{address} is bound to {driver}"),
                None => println!("{address} has no driver, as before"),
            }
        }
        binding::restore_abandoned(&system)?;
        Ok(ExitCode::SUCCESS)
    }
}
