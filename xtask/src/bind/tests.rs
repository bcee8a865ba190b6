//! Binding on a tree of files that behaves as the kernel's.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;

use tempfile::TempDir;

use super::address::Address;
use super::binding::bind;
use super::binding::restore_abandoned;
use super::binding::unbind;
use super::obstacles::memlock_warning;
use super::record;
use super::record::Run;
use super::system::System;

const DRIVE: &str = "0000:01:00.0";

/// A machine with a drive in an IOMMU group of its own, with a partition.
struct Machine {
    root: TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { root: tempfile::tempdir().unwrap() };
        machine.add_function(DRIVE, "0x010802", "nvme", "7");
        for driver in ["nvme", "vfio-pci"] {
            fs::create_dir_all(machine.path("sys/bus/pci/drivers").join(driver)).unwrap();
        }
        machine.file("sys/bus/pci/drivers_probe", "");
        let function = format!("sys/bus/pci/devices/{DRIVE}");
        fs::create_dir_all(machine.path(&format!("{function}/nvme/nvme0/nvme0n1"))).unwrap();
        machine.file("sys/class/block/nvme0n1/dev", "259:0\n");
        machine.file("sys/class/block/nvme0n1/nvme0n1p1/dev", "259:1\n");
        machine.file("sys/class/block/nvme0n1/nvme0n1p1/partition", "1\n");
        machine.file("proc/self/mountinfo", "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn file(&self, path: &str, text: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), text).unwrap();
    }

    fn add_function(&self, address: &str, class: &str, driver: &str, group: &str) {
        let function = format!("sys/bus/pci/devices/{address}");
        self.file(&format!("{function}/class"), &format!("{class}\n"));
        self.file(&format!("{function}/driver_override"), "(null)\n");
        symlink(format!("../drivers/{driver}"), self.path(&format!("{function}/driver"))).unwrap();
        symlink(format!("../groups/{group}"), self.path(&format!("{function}/iommu_group")))
            .unwrap();
        let members = self.path(&format!("sys/kernel/iommu_groups/{group}/devices"));
        fs::create_dir_all(&members).unwrap();
        symlink(self.path(&function), members.join(address)).unwrap();
    }

    fn driver(&self) -> Option<String> {
        let link = fs::read_link(self.path(&format!("sys/bus/pci/devices/{DRIVE}/driver"))).ok()?;
        Some(link.file_name()?.to_str()?.to_owned())
    }

    /// What the kernel does when `path` is written to.
    fn written(&self, path: &Path, text: &str, refused: &str) -> io::Result<()> {
        let function = self.path(&format!("sys/bus/pci/devices/{DRIVE}"));
        match path.file_name().unwrap().to_str().unwrap() {
            "driver_override" => fs::write(path, text),
            "unbind" => fs::remove_file(function.join("driver")),
            "drivers_probe" => {
                let chosen = fs::read_to_string(function.join("driver_override"))?;
                let driver = if chosen.trim().is_empty() { "nvme" } else { chosen.trim() };
                // A probe that fails is no error of the write.
                if driver == refused {
                    return Ok(());
                }
                symlink(format!("../drivers/{driver}"), function.join("driver"))
            }
            other => panic!("nothing is written to {other}"),
        }
    }

    fn with<T>(&self, body: impl FnOnce(&System<'_>) -> T) -> T {
        self.refusing("", body)
    }

    /// With a driver that takes no function.
    fn refusing<T>(&self, driver: &str, body: impl FnOnce(&System<'_>) -> T) -> T {
        let write = |path: &Path, text: &str| self.written(path, text, driver);
        body(&System::fake(self.root.path(), &write))
    }

    /// Why the drive is not bound, which is then as before.
    fn refusal(&self, force: bool) -> String {
        let error = self.with(|system| bind(system, &drive(), force, None)).unwrap_err();
        assert_ne!(self.driver().as_deref(), Some("vfio-pci"));
        assert!(!self.path("run").exists(), "a record is left");
        format!("{error:#}")
    }
}

fn drive() -> Address {
    DRIVE.parse().unwrap()
}

#[test]
fn a_drive_goes_to_vfio_and_back() {
    let machine = Machine::new();
    machine.with(|system| {
        assert_eq!(bind(system, &drive(), false, None).unwrap(), "7");
        assert_eq!(machine.driver().as_deref(), Some("vfio-pci"));
        // Again: it is bound already.
        bind(system, &drive(), false, None).unwrap();
        assert_eq!(unbind(system, &drive()).unwrap().as_deref(), Some("nvme"));
        assert_eq!(record::all(system), []);
        // Again: there is nothing to do.
        assert_eq!(unbind(system, &drive()).unwrap().as_deref(), Some("nvme"));
    });
}

#[test]
fn a_mounted_partition_is_not_taken_away() {
    let machine = Machine::new();
    machine.file("proc/self/mountinfo", "30 1 259:1 / /data rw - ext4 /dev/nvme0n1p1 rw\n");
    assert!(machine.refusal(false).contains("nvme0n1p1 is mounted on /data: run `umount /data`"));
    machine.with(|system| bind(system, &drive(), true, None)).unwrap();
}

/// Some file systems have a device number of their own.
#[test]
fn a_mount_is_also_known_by_its_source() {
    let machine = Machine::new();
    machine.file("proc/self/mountinfo", "30 1 0:44 / /pool rw shared:1 - btrfs /dev/nvme0n1 rw\n");
    assert!(machine.refusal(false).contains("nvme0n1 is mounted on /pool"));
}

#[test]
fn a_holder_and_swap_are_not_taken_away() {
    let machine = Machine::new();
    fs::create_dir_all(machine.path("sys/class/block/nvme0n1/nvme0n1p1/holders/dm-0")).unwrap();
    machine.file("proc/swaps", "Filename Type\n/dev/nvme0n1 partition 1 0 -2\n");
    let refusal = machine.refusal(false);
    assert!(
        refusal.contains("nvme0n1p1 is held by dm-0") && refusal.contains("swapoff"),
        "{refusal}"
    );
}

#[test]
fn a_namespace_with_several_paths_is_looked_at_by_its_own_name() {
    let machine = Machine::new();
    let controller = machine.path(&format!("sys/bus/pci/devices/{DRIVE}/nvme/nvme0"));
    fs::rename(controller.join("nvme0n1"), controller.join("nvme0c0n1")).unwrap();
    machine.file("proc/self/mountinfo", "30 1 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n");
    assert!(machine.refusal(false).contains("nvme0n1 is mounted on /data"));
}

#[test]
fn another_member_of_the_group_is_named() {
    let machine = Machine::new();
    machine.add_function("0000:00:01.0", "0x060400", "pcieport", "7");
    machine.with(|system| bind(system, &drive(), false, None)).unwrap();
    machine.with(|system| unbind(system, &drive())).unwrap();
    fs::remove_dir_all(machine.path("run")).unwrap();

    machine.add_function("0000:02:00.0", "0x020000", "e1000e", "7");
    let refusal = machine.refusal(true);
    assert!(
        refusal.contains("0000:02:00.0 is in the same IOMMU group 7 and bound to e1000e"),
        "{refusal}"
    );
}

#[test]
fn each_thing_that_is_missing_is_named() {
    let machine = Machine::new();
    fs::remove_file(machine.path(&format!("sys/bus/pci/devices/{DRIVE}/iommu_group"))).unwrap();
    fs::remove_dir(machine.path("sys/bus/pci/drivers/vfio-pci")).unwrap();
    let refusal = machine.refusal(false);
    assert!(refusal.contains("has no IOMMU") && refusal.contains("modprobe vfio-pci"), "{refusal}");

    let none = machine.with(|system| bind(system, &"0000:09:00.0".parse().unwrap(), false, None));
    let none = format!("{:#}", none.unwrap_err());
    assert!(none.contains("no PCI function at 0000:09:00.0") && none.contains(DRIVE), "{none}");

    machine.file(&format!("sys/bus/pci/devices/{DRIVE}/class"), "0x020000\n");
    assert!(machine.refusal(false).contains("no NVMe controller: its class code is 020000"));
}

#[test]
fn a_limit_is_reported_if_a_run_does_not_fit() {
    let machine = Machine::new();
    let warning = |limit: &str| {
        let line = format!("Max locked memory         {limit}   8388608    bytes\n");
        machine.file("proc/self/limits", &line);
        machine.with(memlock_warning)
    };
    assert!(warning("8388608").unwrap().contains("8192 KiB"));
    assert_eq!(warning("1073741824"), None);
    assert_eq!(warning("unlimited"), None);
}

#[test]
fn a_drive_that_vfio_does_not_take_is_given_back() {
    let machine = Machine::new();
    let error = machine.refusing("vfio-pci", |system| bind(system, &drive(), false, None));
    let error = format!("{:#}", error.unwrap_err());
    assert!(error.contains("vfio-pci does not take 0000:01:00.0"), "{error}");
    assert_eq!(machine.driver().as_deref(), Some("nvme"));
    machine.with(|system| assert_eq!(record::all(system), []));
}

#[test]
fn what_a_killed_run_left_is_put_back_by_the_next_call() {
    let machine = Machine::new();
    let run = Run { pid: 4711, start: "99".to_owned() };
    let stat = |start: &str| format!("4711 (a) b) S {}{start} 0", "0 ".repeat(18));
    machine.file("proc/4711/stat", &stat("99"));
    machine.with(|system| {
        bind(system, &drive(), false, Some(run)).unwrap();
        restore_abandoned(system).unwrap();
        assert_eq!(machine.driver().as_deref(), Some("vfio-pci"), "the run is alive");
        // Another process has its identifier.
        machine.file("proc/4711/stat", &stat("100"));
        restore_abandoned(system).unwrap();
        assert_eq!(machine.driver().as_deref(), Some("nvme"));
        assert_eq!(record::all(system), []);
    });
}

/// Killed between the two drivers.
#[test]
fn a_drive_without_a_driver_gets_back_the_one_of_the_record() {
    let machine = Machine::new();
    machine.with(|system| {
        bind(system, &drive(), false, None).unwrap();
        fs::remove_file(machine.path(&format!("sys/bus/pci/devices/{DRIVE}/driver"))).unwrap();
        bind(system, &drive(), false, None).unwrap();
        assert_eq!(unbind(system, &drive()).unwrap().as_deref(), Some("nvme"));
    });
}
