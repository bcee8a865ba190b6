use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

/// A machine as the kernel would show it, made of folders and links.
struct Machine {
    root: TempDir,
}

const DRIVE: &str = "0000:01:00.0";

impl Machine {
    /// One with an IOMMU, VFIO, and a drive that vfio-pci has: nothing is wrong with it.
    fn good() -> Self {
        let machine = Self { root: tempfile::tempdir().unwrap() };
        machine.touch("sys/class/iommu/dmar0");
        machine.touch("dev/vfio/vfio");
        machine.touch("dev/vfio/7");
        machine.add(DRIVE, "0x010802", Some("vfio-pci"), Some(7));
        machine
    }

    fn add(&self, address: &str, class: &str, driver: Option<&str>, group: Option<u32>) {
        let device = format!("sys/bus/pci/devices/{address}");
        self.write(&format!("{device}/class"), &format!("{class}\n"));
        if let Some(driver) = driver {
            self.folder(&format!("sys/bus/pci/drivers/{driver}"));
            self.link(&format!("{device}/driver"), &format!("sys/bus/pci/drivers/{driver}"));
        }
        if let Some(group) = group {
            let group = format!("sys/kernel/iommu_groups/{group}");
            self.folder(&format!("{group}/devices"));
            self.link(&format!("{group}/devices/{address}"), &device);
            self.link(&format!("{device}/iommu_group"), &group);
        }
    }

    fn folder(&self, path: &str) {
        fs::create_dir_all(self.root.path().join(path)).unwrap();
    }

    fn touch(&self, path: &str) {
        self.write(path, "");
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn link(&self, path: &str, target: &str) {
        symlink(self.root.path().join(target), self.root.path().join(path)).unwrap();
    }

    fn remove(&self, path: &str) {
        let path = self.root.path().join(path);
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }

    fn find(&self, address: &str) -> Result<Place, Refusal> {
        self.find_by(address, None)
    }

    fn find_by(&self, address: &str, wanted: Option<Wanted>) -> Result<Place, Refusal> {
        Host::at(self.root.path()).find(address.parse().unwrap(), wanted)
    }

    /// Adds what kernels with CONFIG_IOMMUFD and CONFIG_VFIO_DEVICE_CDEV show.
    fn add_cdev(&self) {
        self.touch("dev/iommu");
        self.touch("dev/vfio/devices/vfio3");
        self.folder(&format!("sys/bus/pci/devices/{DRIVE}/vfio-dev/vfio3"));
    }

    /// Says why the drive cannot be opened, and the way out, as the message has it.
    fn refusal(&self) -> String {
        let (what, way_out) = self.find(DRIVE).unwrap_err();
        format!("{what}; {way_out}")
    }
}

#[track_caller]
fn assert_says(refusal: &str, parts: &[&str]) {
    for part in parts {
        assert!(refusal.contains(part), "{part:?} is not in {refusal:?}");
    }
}

#[test]
fn a_function_that_vfio_has_is_found() {
    let place = Machine::good().find(DRIVE).unwrap();
    assert_eq!((place.group, place.way), (7, Way::Group));
    assert!(place.sysfs.ends_with("sys/bus/pci/devices/0000:01:00.0"));
}

#[test]
fn a_function_that_does_not_exist_is_told_with_those_that_do() {
    let (what, way_out) = Machine::good().find("0000:02:00.0").unwrap_err();
    assert_eq!(what, "this machine has no PCI function 0000:02:00.0");
    assert_says(&way_out, &["the NVMe controllers of this machine are: 0000:01:00.0", "rescan"]);
}

#[test]
fn a_function_of_another_class_is_no_controller() {
    let machine = Machine::good();
    machine.add("0000:03:00.0", "0x020000", Some("vfio-pci"), Some(8));
    let (what, _) = machine.find("0000:03:00.0").unwrap_err();
    assert_eq!(what, "it is not an NVMe controller: its class code is 020000h");
}

#[test]
fn without_an_iommu_it_says_where_to_switch_it_on() {
    let machine = Machine::good();
    machine.remove("sys/bus/pci/devices/0000:01:00.0/iommu_group");
    assert_says(&machine.refusal(), &["no IOMMU group", "another slot"]);
    machine.remove("sys/class/iommu");
    assert_says(&machine.refusal(), &["no IOMMU is switched on", "VT-d", "intel_iommu=on"]);
}

#[test]
fn a_mode_without_an_iommu_is_refused() {
    let machine = Machine::good();
    machine.remove("dev/vfio/7");
    machine.touch("dev/vfio/noiommu-7");
    assert_says(&machine.refusal(), &["without an IOMMU", "refused"]);
}

#[test]
fn a_function_of_another_driver_is_to_be_bound() {
    for (driver, says) in
        [(Some("nvme"), "the kernel's driver nvme has it"), (None, "no driver has it")]
    {
        let machine = Machine::good();
        machine.remove("sys/bus/pci/devices/0000:01:00.0");
        machine.remove("sys/kernel/iommu_groups/7");
        machine.add(DRIVE, "0x010802", driver, Some(7));
        assert_says(&machine.refusal(), &[says, "`cargo xtask bind 0000:01:00.0`"]);
    }
}

#[test]
fn without_the_modules_it_says_which_to_load() {
    let machine = Machine::good();
    machine.remove("dev/vfio/vfio");
    assert_says(&machine.refusal(), &["no /dev/vfio/vfio", "modprobe vfio"]);
    machine.remove("sys/bus/pci/devices/0000:01:00.0/driver");
    machine.remove("sys/bus/pci/drivers/vfio-pci");
    assert_says(&machine.refusal(), &["vfio-pci is not loaded", "modprobe vfio-pci", "xtask bind"]);
}

#[test]
fn the_members_that_keep_a_group_from_being_viable_are_named() {
    let machine = Machine::good();
    machine.add("0000:00:01.0", "0x060400", Some("pcieport"), Some(7));
    machine.add("0000:01:00.1", "0x010802", Some("vfio-pci"), Some(7));
    machine.add("0000:01:00.2", "0x020000", None, Some(7));
    assert!(machine.find(DRIVE).is_ok(), "a bridge, one of ours, and one of nobody's");

    machine.add("0000:02:00.0", "0x020000", Some("e1000e"), Some(7));
    machine.add("0000:03:00.0", "0x040300", Some("snd_hda_intel"), Some(7));
    assert_says(
        &machine.refusal(),
        &["group 7 is not viable", "0000:02:00.0 (e1000e), 0000:03:00.0 (snd_hda_intel)"],
    );
}

#[test]
fn a_group_without_a_node_may_be_that_of_a_container() {
    let machine = Machine::good();
    machine.remove("dev/vfio/7");
    assert_says(&machine.refusal(), &["no /dev/vfio/7", "container"]);
}

#[test]
fn those_who_have_the_group_are_named() {
    let machine = Machine::good();
    machine.write("proc/42/comm", "qemu-system-x86\n");
    machine.folder("proc/42/fd");
    machine.folder("proc/43/fd");
    machine.folder("proc/self/fd");
    let place = machine.find(DRIVE).unwrap();
    symlink("/dev/vfio/7", machine.root.path().join("proc/42/fd/11")).unwrap();
    symlink("/dev/vfio/8", machine.root.path().join("proc/43/fd/11")).unwrap();
    assert_eq!(Host::at(machine.root.path()).holders(&place), ["process 42 (qemu-system-x86)"]);
}

#[test]
fn who_may_pin_any_memory_is_above_the_limit() {
    let machine = Machine::good();
    let host = Host::at(machine.root.path());
    for (effective, may) in [("000001ffffffffff", Ok(())), ("0000000000000000", Err(8 << 20))] {
        machine.write("proc/self/status", &format!("Name:\tx\nCapEff:\t{effective}\n"));
        assert_eq!(host.may_pin(64 << 20, 8 << 20), may);
        assert_eq!(host.may_pin(4 << 20, 8 << 20), Ok(()));
    }
}

#[test]
fn a_node_of_its_own_is_taken_where_there_is_an_iommufd_and_the_group_otherwise() {
    let machine = Machine::good();
    machine.add_cdev();
    let cdev = Way::Cdev("/dev/vfio/devices/vfio3".into());
    let way = |wanted| machine.find_by(DRIVE, wanted).map(|place| place.way);
    assert_eq!(way(None), Ok(cdev.clone()));
    assert_eq!(way(Some(Wanted::Group)), Ok(Way::Group));
    // A kernel may have no groups at all.
    machine.remove("dev/vfio/7");
    machine.remove("dev/vfio/vfio");
    assert_eq!(way(None), Ok(cdev));
    assert!(way(Some(Wanted::Group)).is_err());

    let machine = Machine::good();
    machine.add_cdev();
    for missing in ["dev/vfio/devices/vfio3", "dev/iommu"] {
        machine.remove(missing);
        assert_eq!(machine.find(DRIVE).unwrap().way, Way::Group, "without {missing}");
        let (what, way_out) = machine.find_by(DRIVE, Some(Wanted::Cdev)).unwrap_err();
        assert_says(&what, &["/dev/iommu"]);
        assert_says(&way_out, &["CONFIG_VFIO_DEVICE_CDEV", "vfio=cdev"]);
    }
}
