//! What root reaches beside VFIO, in sysfs: registers that VFIO keeps to itself, the port above, removal and rescan.

use std::fs;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use nix::unistd::AccessFlags;
use nix::unistd::access;

use super::PciAddress;
use super::capability_list;
use crate::spec::pci::CapabilityId;
use crate::spec::pci::ExpressCapabilities;
use crate::spec::pci::LinkCapabilities;
use crate::spec::pci::LinkControl;
use crate::spec::pci::LinkStatus;
use crate::spec::pci::MsixControl;
use crate::spec::pci::express;
use crate::spec::pci::msix;

/// Where the kernel shows PCI functions: another place in tests.
const BUS: &str = "/sys/bus/pci";

/// The driver that gives a function to us.
const DRIVER: &str = "vfio-pci";

/// How long the training of a link may take: as long as Linux itself gives it.
const TRAINING: Duration = Duration::from_secs(1);

/// A function and the port above, as the kernel shows them to root.
#[derive(Debug)]
pub(super) struct Beside {
    bus: PathBuf,
    address: PciAddress,
    /// The registers of the function that VFIO shows and does not let be written, and the bits that are written here.
    kept: Vec<(u16, u16)>,
    config: Option<ConfigFile>,
    port: Option<Port>,
}

/// A port that a link goes down from.
#[derive(Debug)]
struct Port {
    folder: PathBuf,
    config: ConfigFile,
    /// The offset of its PCI Express capability.
    express: u16,
}

/// Configuration space that can be written.
#[derive(Debug)]
pub(super) struct ConfigFile(File);

/// Keeps the kernel's drivers from functions that are found meanwhile: its driver for NVMe would read from the drive. Older
/// kernels do not heed this on PCI, and the drive is taken from the driver again.
struct NoDrivers {
    file: PathBuf,
    before: String,
}

impl Beside {
    /// Looks what this process may do.
    pub(super) fn of(address: PciAddress) -> Self {
        Self::at(BUS, address)
    }

    fn at(bus: impl Into<PathBuf>, address: PciAddress) -> Self {
        let bus = bus.into();
        let mut beside = Self { bus, address, kept: Vec::new(), config: None, port: None };
        beside.find();
        beside
    }

    /// Finds the function, which is another file after a rescan, and the port.
    fn find(&mut self) {
        self.config = ConfigFile::open(&self.folder());
        self.kept = self.config.as_ref().and_then(|config| config.kept().ok()).unwrap_or_default();
        self.port = Port::above(&self.folder());
    }

    /// Writes those bits that VFIO keeps to itself, where `data` covers their register: Function Mask of MSI-X (PCIe 7.7.2.2)
    /// and ASPM Control (PCIe 7.5.3.7).
    pub(super) fn write(&self, offset: u16, data: &[u8]) -> io::Result<()> {
        let Some(config) = &self.config else { return Ok(()) };
        for &(register, bits) in &self.kept {
            let word = register
                .checked_sub(offset)
                .and_then(|at| data.get(usize::from(at)..)?.first_chunk());
            let Some(word) = word else { continue };
            let now = config.read16(register)?;
            let then = now & !bits | u16::from_le_bytes(*word) & bits;
            if then != now {
                config.write16(register, then)?;
            }
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

    /// Whether the link can be trained again.
    pub(super) fn can_retrain(&self) -> bool {
        self.port.is_some()
    }

    /// Has the port train the link again, and waits until it has. Fails with a reason.
    pub(super) fn retrain(&self) -> Result<(), String> {
        let port = self.port.as_ref().ok_or("no port above it can be written by this user")?;
        port.retrain(TRAINING)
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

impl Port {
    /// Finds the port above a function, if this process may write to it.
    fn above(folder: &Path) -> Option<Self> {
        /// Device/Port Type (PCIe 7.5.3.2): a Root Port, or a Downstream Port of a switch.
        const DOWNWARDS: [u8; 2] = [0x4, 0x6];
        let folder = folder.canonicalize().ok()?.parent()?.to_owned();
        let config = ConfigFile::open(&folder)?;
        let express = config.capability(CapabilityId::PCI_EXPRESS).ok()??;
        let kind = config.read16(express + express::CAPABILITIES).ok()?;
        DOWNWARDS.contains(&ExpressCapabilities::from(kind).kind()).then_some(Self {
            folder,
            config,
            express,
        })
    }

    fn retrain(&self, limit: Duration) -> Result<(), String> {
        let failed = |error: io::Error| format!("the port above cannot be accessed: {error}");
        let status =
            || self.config.read16(self.express + express::LINK_STATUS).map(LinkStatus::from);
        let wait = |done: &dyn Fn(LinkStatus) -> bool, what: &str| {
            let deadline = Instant::now() + limit;
            loop {
                let now = status().map_err(failed)?;
                if done(now) {
                    return Ok(());
                }
                if deadline < Instant::now() {
                    return Err(format!(
                        "{what} within {limit:?} (Link Status of the port above is {:#06x})",
                        u16::from(now)
                    ));
                }
                thread::sleep(Duration::from_millis(1));
            }
        };
        // What is written during a training may be lost on the port (PCIe 7.5.3.7).
        wait(&|now| !now.training(), "a training that was under way did not end")?;
        let was_active = status().map_err(failed)?.link_active();
        let at = self.express + express::LINK_CONTROL;
        let control = LinkControl::from(self.config.read16(at).map_err(failed)?);
        let control = u16::from(control.with_retrain(true));
        self.config.write16(at, control).map_err(failed)?;
        // Link Training is set from the write on, until the link runs (PCIe 7.5.3.8).
        let can =
            self.config.read16(self.express + express::LINK_CAPABILITIES + 2).map_err(failed)?;
        let says_active = LinkCapabilities::from(u32::from(can) << 16).link_active_reporting();
        let must_be_active = says_active && was_active;
        wait(
            &|now| !now.training() && (now.link_active() || !must_be_active),
            "the training of the link did not end",
        )
    }
}

impl ConfigFile {
    pub(super) fn open(folder: &Path) -> Option<Self> {
        File::options().read(true).write(true).open(folder.join("config")).ok().map(Self)
    }

    pub(super) fn read(&self, at: u16, data: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(data, at.into())
    }

    pub(super) fn read16(&self, at: u16) -> io::Result<u16> {
        let mut word = [0; 2];
        self.0.read_exact_at(&mut word, at.into())?;
        Ok(u16::from_le_bytes(word))
    }

    pub(super) fn write16(&self, at: u16, value: u16) -> io::Result<()> {
        self.0.write_all_at(&value.to_le_bytes(), at.into())
    }

    pub(super) fn read32(&self, at: u16) -> io::Result<u32> {
        let mut dword = [0; 4];
        self.0.read_exact_at(&mut dword, at.into())?;
        Ok(u32::from_le_bytes(dword))
    }

    pub(super) fn write32(&self, at: u16, value: u32) -> io::Result<()> {
        self.0.write_all_at(&value.to_le_bytes(), at.into())
    }

    fn capability(&self, id: CapabilityId) -> io::Result<Option<u16>> {
        capability_list::find(|at| self.read16(at), id)
    }

    /// The registers that [`Beside::write`] writes to, and their bits.
    fn kept(&self) -> io::Result<Vec<(u16, u16)>> {
        let function_mask = MsixControl::new().with_function_mask(true);
        let aspm = LinkControl::new().with_aspm(0b11);
        let registers = [
            (CapabilityId::MSI_X, msix::CONTROL, function_mask.into_bits()),
            (CapabilityId::PCI_EXPRESS, express::LINK_CONTROL, aspm.into_bits()),
        ];
        let mut kept = Vec::new();
        for (id, register, bits) in registers {
            kept.extend(self.capability(id)?.map(|at| (at + register, bits)));
        }
        Ok(kept)
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
