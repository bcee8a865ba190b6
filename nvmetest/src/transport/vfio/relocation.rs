//! BAR0 at another address than the kernel gave it.
//!
//! VFIO has nobody write the register, and takes BAR0 for being where it was. So the register is written in sysfs, and BAR0 is mapped
//! where it is then by `/dev/mem`: each mapping of registers stays where it is in this process, and is of the other place.
//! That place is free, and within what the port above forwards: no other function claims it.
//!
//! What would have the kernel access BAR0, or put its address back, is refused meanwhile: setting vectors and INTx up, and writes to Command,
//! which have vfio-pci compare the registers with what it knows of them. For the same reason nothing is left behind when
//! this process ends: when the function is closed, vfio-pci restores the configuration that it saved when it was opened, and resets
//! the function.

use std::fs;
use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use nix::fcntl::OFlag;

use super::PciAddress;
use super::Vfio;
use super::address_space;
use super::address_space::Malformed;
use super::beside::Beside;
use super::beside::ConfigFile;
use crate::spec::Property;
use crate::spec::pci::Bar as Register;
use crate::spec::pci::Command;
use crate::spec::pci::offset;
use crate::transport::Relocation;
use crate::transport::TransportResult;

/// The physical addresses of the machine.
const MEMORY: &str = "/dev/mem";

/// What is asked for.
const WHAT: &str = "another address of BAR0";

/// Where BAR0 can go.
#[derive(Debug)]
pub(super) struct Room {
    from: u64,
    pub(super) to: u64,
    /// The physical addresses of the machine, to be mapped.
    pub(super) memory: File,
}

impl Room {
    /// Looks for it: `size` bytes, where this process may map them. Nothing is accessed. Fails with a reason.
    pub(super) fn find(beside: &Beside, size: u64) -> Result<Self, String> {
        let config = beside.config().ok_or("its configuration space cannot be written in sysfs")?;
        let port = beside.port().ok_or("no port above it can be written by this user")?;
        let window = forwarded(port.1).map_err(|error| format!("the port above: {error}"))?;
        let window = window.ok_or("the port above forwards no memory accesses")?;
        let (from, to) = place(&beside.folder(), port.0, &window, size)?;
        // Elsewhere, an address of the processor's is another on the bus.
        if read(config).map_err(|error| format!("BAR0 cannot be read in sysfs: {error}"))? != from {
            return Err("the address in BAR0 is not the one that the kernel reaches it by".into());
        }
        // Without O_SYNC the processor would be free to keep what it reads in its cache.
        let mut options = File::options();
        options.read(true).write(true).custom_flags(OFlag::O_SYNC.bits());
        let memory = options.open(MEMORY).map_err(|error| format!("{MEMORY}: {error}"))?;
        Ok(Self { from, to, memory })
    }
}

impl Vfio {
    /// Writes another address to BAR0, and has the registers mapped there.
    pub(super) fn move_elsewhere(&self) -> TransportResult<Relocation> {
        self.check_not_lost()?;
        if !self.answers.load(Ordering::Relaxed) {
            return Err(
                self.refused(WHAT, "memory space is disabled, or the function is not in D0")
            );
        }
        let mut elsewhere = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        if elsewhere.is_some() {
            return Err(self.refused(WHAT, "it has another one already"));
        }
        // In this order: who removes the function has this lock, and waits for all who have it open.
        let beside = self.beside();
        let opened = self.opened()?;
        let Room { from, to, memory } = Room::find(&beside, self.bar.size())
            .map_err(|why| self.unsupported(WHAT.to_owned(), why))?;
        *elsewhere = Some(from);
        let moved = write(beside.config(), to)
            .and_then(|()| self.bar.move_to(&memory, to, self.doorbells.as_ref()));
        drop((beside, elsewhere));
        let mut former = [0; 4];
        let moved = moved.and_then(|()| {
            self.bar.read_by_kernel(&opened.device, Property::VS.0.into(), &mut former)
        });
        match moved {
            Ok(()) => Ok(Relocation { from, to, former: u32::from_le_bytes(former) }),
            Err(error) => {
                self.put_back()?;
                Err(self.refused(WHAT, error))
            }
        }
    }

    /// Has BAR0 where it was, if it is elsewhere. A function with which that fails is lost: nobody knows where it answers.
    pub(super) fn put_back(&self) -> TransportResult {
        let mut elsewhere = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(from) = elsewhere.take() else { return Ok(()) };
        let beside = self.beside();
        let device = self.now_opened();
        let written = write(beside.config(), from);
        let mapped = match &device {
            Some(opened) => self.bar.put_back(&opened.device, self.doorbells.as_ref()),
            None => self.bar.withdraw(self.doorbells.as_ref()),
        };
        drop((beside, elsewhere));
        let Err(error) = written.and(mapped) else { return Ok(()) };
        // What is mapped is nobody's any more: where BAR0 was moved to, the kernel may put another function.
        let withdrawn = self.bar.withdraw(self.doorbells.as_ref());
        let and =
            withdrawn.map_or_else(|why| format!(", nor withdrawn: {why}"), |()| String::new());
        self.lose(&format!("its BAR0 cannot be put back: {error}{and}"))
    }

    /// Reads BAR0 in sysfs: VFIO shows what was written to it through VFIO.
    pub(super) fn read_beside(&self, offset: u16, data: &mut [u8]) -> TransportResult {
        let read = match self.beside().config() {
            Some(config) => config.read(offset, data),
            None => Err(io::Error::other("its configuration space is gone")),
        };
        read.map_err(|error| self.refused("a read of BAR0 in sysfs", error))
    }

    /// Refuses `what` while BAR0 is elsewhere.
    pub(super) fn check_in_place(&self, what: &str) -> TransportResult {
        if self.bar.is_elsewhere() {
            let why = "BAR0 is at another address than the kernel knows, which would access it or put it back";
            return Err(self.refused(what, why));
        }
        Ok(())
    }
}

/// Reads which memory accesses the port forwards.
fn forwarded(port: &ConfigFile) -> io::Result<Option<RangeInclusive<u64>>> {
    let [base, limit] = [offset::MEMORY_BASE, offset::MEMORY_LIMIT].map(|at| port.read16(at));
    Ok(address_space::memory_window(base?, limit?))
}

/// Finds out where BAR0 is and where else there is room for it in what the port forwards to the functions behind it.
fn place(
    function: &Path,
    port: &Path,
    window: &RangeInclusive<u64>,
    size: u64,
) -> Result<(u64, u64), String> {
    let bar0 = resource(function, address_space::bar0)?;
    let bar0 = bar0.ok_or("the kernel shows no memory for its BAR0")?;
    let is_whole = bar0.end() - bar0.start() == size.wrapping_sub(1);
    if !is_whole || !size.is_power_of_two() {
        return Err(format!(
            "the kernel has its BAR0 at {bar0:#x?}, which are not {size:#x} bytes"
        ));
    }
    let window_is_known = resource(port, address_space::parse)?.iter().any(|it| it.is(window));
    if !window_is_known || !window.contains(bar0.start()) || !window.contains(bar0.end()) {
        return Err(format!(
            "the kernel does not have its BAR0 in {window:#x?}, which the port above forwards"
        ));
    }
    let mut taken = Vec::new();
    let failed = |error: io::Error| format!("{}: {error}", port.display());
    for entry in fs::read_dir(port).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // What is behind a port that is behind this one has its place in the windows of that.
        if entry.file_name().to_str().is_some_and(|name| name.parse::<PciAddress>().is_ok()) {
            taken.extend(resource(&entry.path(), address_space::parse)?);
        }
    }
    let to = address_space::free(window, &taken, size).ok_or_else(|| {
        format!("no {size:#x} bytes are free in {window:#x?}, which the port above forwards")
    })?;
    Ok((*bar0.start(), to))
}

/// Reads the file `resource` of a function.
fn resource<T>(folder: &Path, parse: fn(&str) -> Result<T, Malformed>) -> Result<T, String> {
    let path = folder.join("resource");
    let file = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    parse(&file).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads the address in BAR0, from the function itself.
fn read(config: &ConfigFile) -> io::Result<u64> {
    let low = Register::from(config.read32(offset::BAR0)?);
    let high = if low.is_64_bit() { config.read32(offset::BAR0 + 4)? } else { 0 };
    Ok(low.address_with(high))
}

/// Writes an address to BAR0 while memory space is disabled (PCIe 7.5.1.2.1). One that the register does not keep is taken back before
/// the function answers there.
fn write(config: Option<&ConfigFile>, address: u64) -> io::Result<()> {
    let config = config.ok_or_else(|| io::Error::other("its configuration space is gone"))?;
    let command = config.read16(offset::COMMAND)?;
    let without = Command::from(command).with_memory_space(false);
    let before = read(config)?;
    config.write16(offset::COMMAND, without.into())?;
    let written = write_register(config, address).and_then(|()| read(config));
    if !matches!(written, Ok(is) if is == address) {
        write_register(config, before)?;
    }
    config.write16(offset::COMMAND, command)?;
    let is = written?;
    if is != address {
        return Err(io::Error::other(format!("BAR0 was written {address:#x} and reads {is:#x}")));
    }
    Ok(())
}

fn write_register(config: &ConfigFile, address: u64) -> io::Result<()> {
    let low = Register::from(config.read32(offset::BAR0)?);
    config.write32(offset::BAR0, low.with_address(address as u32 >> 4).into())?;
    if low.is_64_bit() {
        config.write32(offset::BAR0 + 4, (address >> 32) as u32)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: RangeInclusive<u64> = 0xfe40_0000..=0xfe5f_ffff;

    /// A function with 16 KiB at the beginning of a port's window, as sysfs shows it.
    fn bus() -> tempfile::TempDir {
        let port = tempfile::tempdir().unwrap();
        fs::write(port.path().join("resource"), "0x0 0x0 0x0\n0xfe400000 0xfe5fffff 0x200\n")
            .unwrap();
        add(&port, "0000:01:00.0", "0xfe400000 0xfe403fff 0x140204\n0x0 0x0 0x0\n");
        // A folder that is no function's.
        fs::create_dir(port.path().join("power")).unwrap();
        port
    }

    fn add(port: &tempfile::TempDir, name: &str, resource: &str) {
        let folder = port.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("resource"), resource).unwrap();
    }

    fn find(port: &tempfile::TempDir, size: u64) -> Result<(u64, u64), String> {
        place(&port.path().join("0000:01:00.0"), port.path(), &WINDOW, size)
    }

    #[test]
    fn a_place_is_found_beside_all_functions_behind_the_port() {
        let port = bus();
        assert_eq!(find(&port, 0x4000), Ok((0xfe40_0000, 0xfe40_4000)));
        add(
            &port,
            "0000:01:00.1",
            "0xfe404000 0xfe405fff 0x40200\n0xfe40a000 0xfe40a0ff 0x40200\n",
        );
        assert_eq!(find(&port, 0x4000), Ok((0xfe40_0000, 0xfe40_c000)));
        add(&port, "0000:01:00.2", "0xfe40c000 0xfe5fffff 0x40200\n");
        let full = find(&port, 0x4000).unwrap_err();
        assert_eq!(
            full,
            "no 0x4000 bytes are free in 0xfe400000..=0xfe5fffff, which the port above forwards"
        );
    }

    #[test]
    fn what_sysfs_shows_that_is_of_no_use_is_a_sentence() {
        let port = bus();
        let other = find(&port, 0x8000).unwrap_err();
        assert!(other.contains("0xfe400000..=0xfe403fff, which are not 0x8000 bytes"), "{other}");
        for (of_the_port, says) in [
            ("0xfe400000 0xfe4fffff 0x200\n", "does not have its BAR0 in 0xfe400000..=0xfe5fffff"),
            ("0xfe400000 0xfe5fffff\n", "/resource: the line `0xfe400000 0xfe5fffff` is not"),
        ] {
            let port = bus();
            fs::write(port.path().join("resource"), of_the_port).unwrap();
            let error = find(&port, 0x4000).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        add(&port, "0000:01:00.1", "nonsense\n");
        let malformed = find(&port, 0x4000).unwrap_err();
        assert!(malformed.contains("00.1/resource: the line `nonsense` is not"), "{malformed}");
        fs::write(port.path().join("0000:01:00.0/resource"), "").unwrap();
        assert_eq!(find(&port, 0x4000).unwrap_err(), "the kernel shows no memory for its BAR0");
        fs::remove_file(port.path().join("0000:01:00.0/resource")).unwrap();
        let missing = find(&port, 0x4000).unwrap_err();
        assert!(missing.contains("00.0/resource: No such file"), "{missing}");
    }

    #[test]
    fn an_address_is_written_to_both_halves_of_a_wide_bar_and_to_one_of_another() {
        for (kind, halves) in [(0b100_u32, [0x9abc_8004, 0x12]), (0, [0x9abc_8000, 0x77])] {
            let folder = tempfile::tempdir().unwrap();
            let mut space = [0; 64];
            space[4..6].copy_from_slice(&[0x06, 0x04]);
            space[0x10..0x18].copy_from_slice(&(0x77_u64 << 32 | u64::from(kind)).to_le_bytes());
            fs::write(folder.path().join("config"), space).unwrap();
            let config = ConfigFile::open(folder.path()).unwrap();
            let address = if kind == 0 { 0x9abc_8000 } else { 0x12_9abc_8000 };
            write(Some(&config), address).unwrap();
            assert_eq!([0x10, 0x14].map(|at| config.read32(at).unwrap()), halves);
            assert_eq!(config.read16(offset::COMMAND).unwrap(), 0x0406, "memory space is enabled");
        }
    }
}
