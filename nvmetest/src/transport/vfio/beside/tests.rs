use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

/// Where the capabilities of the fakes stand.
const EXPRESS: usize = 0x40;
const MSIX: usize = 0x80;
const SUBSTATES: usize = 0x140;

/// A bus with a drive behind a port, as sysfs shows it.
fn bus() -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let bus = root.path().join("bus/pci");
    let port = root.path().join("devices/pci0000:00/0000:00:05.0");
    let drive = port.join("0000:01:00.0");
    fs::create_dir_all(bus.join("devices")).unwrap();
    fs::create_dir_all(&drive).unwrap();
    symlink(&drive, bus.join("devices/0000:01:00.0")).unwrap();
    // A Root Port whose link runs with 8 GT/s and four lanes.
    fs::write(port.join("config"), space(0x42, 0x2043)).unwrap();
    fs::write(drive.join("config"), space(0x02, 0x0043)).unwrap();
    (root, bus)
}

fn space(kind: u8, link_status: u16) -> [u8; 256] {
    let mut space = [0; 256];
    space[0x06] = 0x10;
    space[0x34] = EXPRESS as u8;
    space[EXPRESS..EXPRESS + 3].copy_from_slice(&[0x10, MSIX as u8, kind]);
    space[EXPRESS + 0x12..][..2].copy_from_slice(&link_status.to_le_bytes());
    space[MSIX] = 0x11;
    space[MSIX + 2..][..2].copy_from_slice(&0x8020_u16.to_le_bytes());
    space
}

/// The same with Advanced Error Reporting, and L1 PM Substates behind it.
fn extended(space: &[u8]) -> Vec<u8> {
    let mut space = space.to_vec();
    space.resize(4096, 0);
    space[0x100..0x104].copy_from_slice(&[0x01, 0x00, 0x02, 0x14]);
    space[SUBSTATES..SUBSTATES + 4].copy_from_slice(&[0x1E, 0x00, 0x01, 0x00]);
    space
}

fn beside(bus: &Path) -> Beside {
    Beside::at(bus, records(bus), "0000:01:00.0".parse().unwrap())
}

fn records(bus: &Path) -> PathBuf {
    bus.join("records")
}

fn word(bus: &Path, file: &str, at: usize) -> u16 {
    let folder = bus.join("devices/0000:01:00.0").canonicalize().unwrap();
    let bytes = fs::read(folder.join(file)).unwrap();
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

#[test]
fn the_port_above_is_read_and_written() {
    let (_root, bus) = bus();
    let mut beside = beside(&bus);
    assert_eq!(beside.port_above(), PortAbove::Programmable);
    let mut status = [0; 2];
    beside.port_read(EXPRESS as u16 + 0x12, &mut status).unwrap();
    assert_eq!(u16::from_le_bytes(status), 0x2043);
    beside.port_write(EXPRESS as u16 + 0x10, &0x20_u16.to_le_bytes()).unwrap();
    assert_eq!(word(&bus, "../config", EXPRESS + 0x10), 0x20);
    assert_eq!(word(&bus, "config", EXPRESS + 0x10), 0, "it is the port's, and not the drive's");
}

#[test]
fn what_a_process_left_in_the_port_is_put_back_by_the_next() {
    const CONTROL: u16 = EXPRESS as u16 + 0x10;
    const SIZES: u16 = EXPRESS as u16 + 0x08;
    let (_root, bus) = bus();
    let record = records(&bus).join("0000:00:05.0");
    let mut first = beside(&bus);
    first.port_write(SIZES, &0x20_u16.to_le_bytes()).unwrap();
    first.port_write(CONTROL, &0x02_u16.to_le_bytes()).unwrap();
    first.port_write(CONTROL, &0x03_u16.to_le_bytes()).unwrap();
    assert!(record.exists());
    // It is another session's as long as that lives.
    assert_eq!(beside(&bus).port_above(), PortAbove::OutOfReach);
    assert_eq!(word(&bus, "../config", CONTROL.into()), 3);

    drop(first);
    let mut next = beside(&bus);
    assert_eq!(word(&bus, "../config", CONTROL.into()), 0);
    assert_eq!(word(&bus, "../config", SIZES.into()), 0);
    assert!(!record.exists());

    next.port_write(CONTROL, &0x02_u16.to_le_bytes()).unwrap();
    next.port_write(CONTROL, &0_u16.to_le_bytes()).unwrap();
    assert!(!record.exists(), "all is as it was");
}

#[test]
fn a_record_that_was_cut_short_or_is_nonsense_is_no_register() {
    let (_root, bus) = bus();
    let record = records(&bus).join("0000:00:05.0");
    fs::create_dir_all(records(&bus)).unwrap();
    let lines = "0x0050 2 0x00000001;\n0x0060 3 0x00000001;\n0x99999 2 0x1;\nx\n0x0048 2 0x000000";
    fs::write(&record, lines).unwrap();
    assert_eq!(beside(&bus).port_above(), PortAbove::Programmable);
    let mut wanted = space(0x42, 0x2043);
    wanted[0x50] = 1;
    let port = bus.join("devices/0000:01:00.0").canonicalize().unwrap().join("../config");
    assert_eq!(fs::read(port).unwrap(), wanted);
    assert!(!record.exists());
}

#[test]
fn a_virtual_function_has_no_port_of_its_own() {
    let (_root, bus) = bus();
    fs::create_dir(bus.join("devices/0000:01:00.0/physfn")).unwrap();
    assert_eq!(beside(&bus).port_above(), PortAbove::OutOfReach);
}

#[test]
fn what_no_link_goes_down_from_is_no_port() {
    let (_root, bus) = bus();
    let port = bus.join("devices/0000:01:00.0").canonicalize().unwrap().join("../config");
    // A bridge from PCI Express to PCI.
    fs::write(port, space(0x72, 0)).unwrap();
    assert_eq!(beside(&bus).port_above(), PortAbove::OutOfReach);
    let error = beside(&bus).port_read(0, &mut [0; 2]).unwrap_err().to_string();
    assert!(error.contains("no port above it can be written by this user"), "{error}");
    assert!(beside(&bus).port_write(0, &[0; 2]).is_err());
}

#[test]
fn of_words_only_what_vfio_keeps_is_written_beside_it() {
    let (_root, bus) = bus();
    let beside = beside(&bus);
    beside.write(MSIX as u16 + 2, &0xFFFF_u16.to_le_bytes()).unwrap();
    assert_eq!(word(&bus, "config", MSIX + 2), 0xC020);
    beside.write(MSIX as u16, &[0; 4]).unwrap();
    assert_eq!(word(&bus, "config", MSIX + 2), 0x8020);
    beside.write(EXPRESS as u16 + 0x10, &[0xFF; 2]).unwrap();
    assert_eq!(word(&bus, "config", EXPRESS + 0x10), 0b11);
    beside.write(EXPRESS as u16 + 0x08, &[0xFF; 2]).unwrap();
    assert_eq!(word(&bus, "config", EXPRESS + 0x08), 0x70E0, "the sizes, and no reset");
    // Half a register is not one.
    beside.write(EXPRESS as u16 + 0x10, &[0]).unwrap();
    beside.write(0, &[0xFF; 4]).unwrap();
    assert_eq!(word(&bus, "config", EXPRESS + 0x10), 0b11);
    assert_eq!(word(&bus, "config", 0), 0);
}

#[test]
fn substates_are_written_beside_vfio_as_a_dword() {
    let (_root, bus) = bus();
    let config = bus.join("devices/0000:01:00.0/config");
    let mut space = extended(&fs::read(&config).unwrap());
    fs::write(&config, &space).unwrap();
    let beside = beside(&bus);
    beside.write(SUBSTATES as u16 + 0x08, &[0x0C, 0x00, 0x31, 0x40]).unwrap();
    beside.write(SUBSTATES as u16 + 0x0C, &[0x29, 0, 0, 0]).unwrap();
    // The capabilities, and half a register.
    beside.write(SUBSTATES as u16 + 0x04, &[0xFF; 4]).unwrap();
    beside.write(SUBSTATES as u16 + 0x08, &[0xFF; 2]).unwrap();
    space[SUBSTATES + 0x08..][..8].copy_from_slice(&[0x0C, 0x00, 0x31, 0x40, 0x29, 0, 0, 0]);
    assert_eq!(fs::read(&config).unwrap(), space);
}

#[test]
fn what_vfio_shows_otherwise_is_read_as_it_is() {
    let (_root, bus) = bus();
    let config = bus.join("devices/0000:01:00.0/config");
    let mut space = extended(&fs::read(&config).unwrap());
    space[EXPRESS + 0x08..][..4].copy_from_slice(&[0x30, 0x28, 0x11, 0x22]);
    fs::write(&config, &space).unwrap();
    let beside = beside(&bus);
    let seen = |offset: usize, mut data: [u8; 4], len: usize| {
        beside.correct(offset as u16, &mut data[..len]).unwrap();
        data
    };
    // Of Device Control the sizes, and nothing of what stands around it.
    assert_eq!(seen(EXPRESS + 0x08, [0xFF; 4], 4), [0x3F, 0xAF, 0xFF, 0xFF]);
    assert_eq!(seen(EXPRESS + 0x08, [0; 4], 2), [0x20, 0x20, 0, 0]);
    assert_eq!(seen(EXPRESS + 0x09, [0xFF; 4], 1), [0xAF, 0xFF, 0xFF, 0xFF]);
    assert_eq!(seen(EXPRESS + 0x06, [0; 4], 4), [0, 0, 0x20, 0x20]);
    assert_eq!(seen(EXPRESS + 0x04, [0xAA; 4], 4), [0xAA; 4]);
    assert_eq!(seen(0xF8, [0xAA; 4], 4), [0xAA; 4]);
    // Of extended configuration space all.
    assert_eq!(seen(0x100, [0; 4], 4), [0x01, 0x00, 0x02, 0x14]);
    assert_eq!(seen(SUBSTATES, [0; 4], 2), [0x1E, 0x00, 0, 0]);
}

#[test]
fn who_is_not_root_sees_what_vfio_shows() {
    let (_root, bus) = bus();
    fs::remove_file(bus.join("devices/0000:01:00.0/config")).unwrap();
    let beside = beside(&bus);
    let mut data = [0xAA; 4];
    beside.correct(0x100, &mut data).unwrap();
    beside.write(EXPRESS as u16 + 0x08, &[0xFF; 2]).unwrap();
    assert_eq!(data, [0xAA; 4]);
}

#[test]
fn the_function_is_taken_from_a_driver_that_has_it_and_given_to_vfio_pci() {
    let (_root, bus) = bus();
    let drive = bus.join("devices/0000:01:00.0");
    for driver in ["nvme", "vfio-pci"] {
        fs::create_dir_all(bus.join("drivers").join(driver)).unwrap();
    }
    symlink(bus.join("drivers/nvme"), drive.join("driver")).unwrap();
    let beside = beside(&bus);
    assert!(!beside.take().unwrap());
    let written = |file: &str| fs::read_to_string(bus.join(file)).unwrap();
    assert_eq!(written("drivers/nvme/unbind"), "0000:01:00.0");
    assert_eq!(written("devices/0000:01:00.0/driver_override"), "vfio-pci");
    assert_eq!(written("drivers_probe"), "0000:01:00.0");

    fs::remove_file(drive.join("driver")).unwrap();
    symlink(bus.join("drivers/vfio-pci"), drive.join("driver")).unwrap();
    assert!(beside.take().unwrap());
    assert!(!bus.join("drivers/vfio-pci/unbind").exists());
}

#[test]
fn drivers_are_kept_away_for_a_time_and_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("drivers_autoprobe");
    fs::write(&file, "1\n").unwrap();
    let drivers = NoDrivers::begin(file.clone()).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "0");
    drop(drivers);
    assert_eq!(fs::read_to_string(&file).unwrap(), "1");
}
