//! What root reaches beside VFIO, in sysfs: registers that VFIO keeps to itself, the port above, removal and rescan.

mod config_file;
mod port;

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use nix::unistd::AccessFlags;
use nix::unistd::access;

use self::config_file::Kept;
use self::config_file::dword;
use self::port::Port;
use super::PciAddress;
use crate::spec::pci::header::CONFIG_SIZE;
use crate::transport::PortAbove;

pub(super) use self::config_file::ConfigFile;

/// Where the kernel shows PCI functions: another place in tests.
const BUS: &str = "/sys/bus/pci";

/// Where it is kept what ports had that a session writes to, beside what `cargo xtask bind` keeps.
const RECORDS: &str = "/run/nvmetest/ports";

/// The driver that gives a function to us.
const DRIVER: &str = "vfio-pci";

/// A function and the port above, as the kernel shows them to root.
#[derive(Debug)]
pub(super) struct Beside {
    bus: PathBuf,
    records: PathBuf,
    address: PciAddress,
    kept: Vec<Kept>,
    config: Option<ConfigFile>,
    port: Option<Port>,
}

/// Keeps the kernel's drivers from functions that are found meanwhile: its driver for NVMe would read from the drive. Older
/// kernels do not heed this on PCI, and the drive is taken from the driver again.
struct NoDrivers {
    file: PathBuf,
    before: String,
}

impl Beside {
    /// Looks what this process may do.
    pub(super) fn of(address: PciAddress) -> Self {
        Self::at(BUS, RECORDS, address)
    }

    fn at(bus: impl Into<PathBuf>, records: impl Into<PathBuf>, address: PciAddress) -> Self {
        let (bus, records) = (bus.into(), records.into());
        let (kept, config, port) = (Vec::new(), None, None);
        let mut beside = Self { bus, records, address, kept, config, port };
        beside.find();
        beside
    }

    /// Finds the function, which is another file after a rescan, and the port.
    fn find(&mut self) {
        self.config = ConfigFile::open(&self.folder());
        self.kept = self.config.as_ref().and_then(|config| config.kept().ok()).unwrap_or_default();
        // It is claimed once.
        self.port = None;
        self.port = Port::above(&self.folder(), &self.records);
    }

    /// Writes those bits that VFIO keeps to itself, where `data` covers their register: Function Mask of MSI-X (PCIe 7.7.2.2),
    /// Max_Payload_Size and Max_Read_Request_Size (PCIe 7.5.3.4), ASPM Control (PCIe 7.5.3.7), and Control 1 and 2 of L1 PM
    /// Substates (PCIe 7.8.3).
    pub(super) fn write(&self, offset: u16, data: &[u8]) -> io::Result<()> {
        let Some(config) = &self.config else { return Ok(()) };
        for &Kept { register, len, bits } in &self.kept {
            let at = register.checked_sub(offset).map(usize::from);
            let Some(asked) = at.and_then(|at| data.get(at..at + len)) else { continue };
            let now = config.value(register, len)?;
            let then = now & !bits | dword(asked) & bits;
            if then != now {
                config.write(register, &then.to_le_bytes()[..len])?;
            }
        }
        Ok(())
    }

    /// Puts into `data`, which was read at `offset` through VFIO, what is so: VFIO shows of Max_Payload_Size what was written, and
    /// hides extended capabilities that it does not know.
    pub(super) fn correct(&self, offset: u16, data: &mut [u8]) -> io::Result<()> {
        let Some(config) = &self.config else { return Ok(()) };
        let mut hidden = 0_u32;
        for &Kept { register, len, bits } in &self.kept {
            for (byte, bits) in (register..).zip(&bits.to_le_bytes()[..len]) {
                let at = byte.checked_sub(offset).map(usize::from).filter(|at| *at < data.len());
                hidden |= at.map_or(0, |at| u32::from(*bits) << (8 * at));
            }
        }
        if CONFIG_SIZE <= offset {
            hidden = u32::MAX;
        }
        if hidden != 0 {
            let truth = config.value(offset, data.len())?;
            let seen = dword(data) & !hidden | truth & hidden;
            data.copy_from_slice(&seen.to_le_bytes()[..data.len()]);
        }
        Ok(())
    }

    /// Configuration space as the function has it, if this process may write it.
    pub(super) fn config(&self) -> Option<&ConfigFile> {
        self.config.as_ref()
    }

    /// Where the kernel shows the port above, and its configuration space.
    pub(super) fn port(&self) -> Option<(&Path, &ConfigFile)> {
        self.port.as_ref().map(|port| (&*port.folder, &port.config))
    }

    /// What is known of the port above.
    pub(super) fn port_above(&self) -> PortAbove {
        if self.port.is_some() { PortAbove::Programmable } else { PortAbove::OutOfReach }
    }

    /// Reads configuration space of the port above.
    pub(super) fn port_read(&self, offset: u16, data: &mut [u8]) -> io::Result<()> {
        self.port.as_ref().ok_or_else(no_port)?.config.read(offset, data)
    }

    /// Writes configuration space of the port above. If this process is killed before it puts back what was there, the next one does.
    pub(super) fn port_write(&mut self, offset: u16, data: &[u8]) -> io::Result<()> {
        self.port.as_mut().ok_or_else(no_port)?.write(offset, data)
    }

    /// Whether this process may have the kernel forget the function and find it again.
    pub(super) fn can_remove(&self) -> bool {
        let files = [self.folder().join("remove"), self.rescan(), self.autoprobe()];
        files.iter().all(|file| access(file, AccessFlags::W_OK).is_ok())
    }

    /// Has the kernel forget the function and find it again, and gives it to vfio-pci. Nobody may have it open. Fails with a
    /// reason.
    pub(super) fn remove_and_rescan(&mut self, deadline: Instant) -> Result<(), String> {
        let folder = self.folder();
        let failed = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
        let rescan = self.rescan();
        self.config = None;
        fs::write(folder.join("remove"), "1").map_err(failed("the kernel does not remove it"))?;
        until(deadline, || !folder.exists(), "the kernel does not forget it")?;
        let drivers = NoDrivers::begin(self.autoprobe())
            .map_err(failed("the kernel's drivers cannot be kept from it"))?;
        fs::write(rescan, "1").map_err(failed("the kernel does not look at its bus again"))?;
        until(deadline, || folder.exists(), "it was not found again on its bus")?;
        let is_ours = || self.take().is_ok_and(|is_ours| is_ours);
        until(deadline, is_ours, "vfio-pci does not take it again")?;
        drop(drivers);
        self.find();
        Ok(())
    }

    /// Gives the function to vfio-pci. Returns whether it has it.
    fn take(&self) -> io::Result<bool> {
        let folder = self.folder();
        fs::write(folder.join("driver_override"), DRIVER)?;
        let driver = folder.join("driver");
        match fs::read_link(&driver) {
            Ok(name) if name.ends_with(DRIVER) => return Ok(true),
            Ok(_) => fs::write(driver.join("unbind"), self.address.to_string())?,
            Err(_) => {}
        }
        fs::write(self.bus.join("drivers_probe"), self.address.to_string())?;
        Ok(false)
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.bus.join("devices").join(self.address.to_string())
    }

    /// What has the kernel look for functions below the port, or everywhere.
    fn rescan(&self) -> PathBuf {
        self.port.as_ref().map_or(&self.bus, |port| &port.folder).join("rescan")
    }

    fn autoprobe(&self) -> PathBuf {
        self.bus.join("drivers_autoprobe")
    }
}

impl NoDrivers {
    fn begin(file: PathBuf) -> io::Result<Self> {
        let before = fs::read_to_string(&file)?;
        fs::write(&file, "0")?;
        Ok(Self { file, before })
    }
}

impl Drop for NoDrivers {
    fn drop(&mut self) {
        // It could be written before.
        let _ = fs::write(&self.file, self.before.trim_end());
    }
}

fn no_port() -> io::Error {
    io::Error::other("no port above it can be written by this user, or another session has it")
}

/// Polls until `done`.
fn until(deadline: Instant, done: impl Fn() -> bool, otherwise: &str) -> Result<(), String> {
    while !done() {
        if deadline < Instant::now() {
            return Err(otherwise.to_owned());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
