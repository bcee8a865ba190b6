use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

/// Where the capabilities of the fakes stand.
const EXPRESS: usize = 0x40;
const MSIX: usize = 0x80;

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

fn beside(bus: &Path) -> Beside {
    Beside::at(bus, "0000:01:00.0".parse().unwrap())
}

fn word(bus: &Path, file: &str, at: usize) -> u16 {
    let folder = bus.join("devices/0000:01:00.0").canonicalize().unwrap();
    let bytes = fs::read(folder.join(file)).unwrap();
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

#[test]
fn the_port_above_is_told_to_train_the_link() {
    let (_root, bus) = bus();
    let beside = beside(&bus);
    assert!(beside.can_retrain());
    beside.retrain().unwrap();
    assert_eq!(word(&bus, "../config", EXPRESS + 0x10), 0x20, "Retrain Link is bit 5");
    assert_eq!(word(&bus, "config", EXPRESS + 0x10), 0, "it is the port's, and not the drive's");
}

#[test]
fn a_training_that_does_not_end_is_a_sentence() {
    let (_root, bus) = bus();
    let beside = beside(&bus);
    let port = bus.join("devices/0000:01:00.0").canonicalize().unwrap().join("../config");
    fs::write(port, space(0x42, 0x0843)).unwrap();
    let error = beside.port.as_ref().unwrap().retrain(Duration::from_millis(5)).unwrap_err();
    assert!(error.contains("did not end within 5ms") && error.contains("0x0843"), "{error}");
}

#[test]
fn what_no_link_goes_down_from_is_no_port() {
    let (_root, bus) = bus();
    let port = bus.join("devices/0000:01:00.0").canonicalize().unwrap().join("../config");
    // A bridge from PCI Express to PCI.
    fs::write(port, space(0x72, 0)).unwrap();
    assert!(!beside(&bus).can_retrain());
    assert!(beside(&bus).retrain().is_err());
}

#[test]
fn only_function_mask_and_aspm_are_written_beside_vfio() {
    let (_root, bus) = bus();
    let beside = beside(&bus);
    beside.write(MSIX as u16 + 2, &0xFFFF_u16.to_le_bytes()).unwrap();
    assert_eq!(word(&bus, "config", MSIX + 2), 0xC020);
    beside.write(MSIX as u16, &[0; 4]).unwrap();
    assert_eq!(word(&bus, "config", MSIX + 2), 0x8020);
    beside.write(EXPRESS as u16 + 0x10, &[0xFF; 2]).unwrap();
    assert_eq!(word(&bus, "config", EXPRESS + 0x10), 0b11);
    // Half a register is not one.
    beside.write(EXPRESS as u16 + 0x10, &[0]).unwrap();
    beside.write(0, &[0xFF; 4]).unwrap();
    assert_eq!(word(&bus, "config", EXPRESS + 0x10), 0b11);
    assert_eq!(word(&bus, "config", 0), 0);
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
