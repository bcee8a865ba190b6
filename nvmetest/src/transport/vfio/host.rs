//! What the machine says of a function, before it is opened: each reason why it cannot be is one sentence.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::spec::pci::CLASS_NVME;

use super::address::PciAddress;

/// Where the kernel shows functions, nodes and processes: another place in tests.
#[derive(Debug, Clone)]
pub(super) struct Host {
    root: PathBuf,
}

/// Where a function is that can be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Its folder in sysfs.
    pub(super) sysfs: PathBuf,
    /// The number of its IOMMU group.
    pub(super) group: u32,
    /// What it is opened by.
    pub(super) way: Way,
}

/// What a function is opened by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// Its group, in a container.
    Group,
    /// A node of its own, bound to an iommufd.
    Cdev(PathBuf),
}

/// Which way is to be taken; of both the newer one, unless somebody says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Group,
    Cdev,
}

/// What is wrong, and the way out.
pub(super) type Refusal = (String, String);

/// The driver that gives a function to us.
const DRIVER: &str = "vfio-pci";

impl Host {
    /// This machine.
    pub(super) fn this() -> Self {
        Self::at("/")
    }

    fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Finds the function, and checks all that can be seen from outside.
    pub(super) fn find(
        &self,
        address: PciAddress,
        wanted: Option<Wanted>,
    ) -> Result<Place, Refusal> {
        let sysfs = self.root.join("sys/bus/pci/devices").join(address.to_string());
        if !sysfs.exists() {
            return Err((
                format!("this machine has no PCI function {address}"),
                format!(
                    "{}; a drive that was just plugged in may take a rescan, `echo 1 > /sys/bus/pci/rescan`",
                    self.known()
                ),
            ));
        }
        let class = class_of(&sysfs);
        if class != Some(CLASS_NVME) {
            let class = class.map_or("unknown".to_owned(), |class| format!("{class:06X}h"));
            let what = format!("it is not an NVMe controller: its class code is {class}");
            return Err((what, self.known()));
        }
        let driver = link_name(&sysfs.join("driver"));
        let Some(group) = link_name(&sysfs.join("iommu_group")).and_then(|it| it.parse().ok())
        else {
            return Err(self.without_iommu());
        };
        let bind = format!("give it to {DRIVER} with `cargo xtask bind {address}`");
        if !self.root.join("sys/bus/pci/drivers").join(DRIVER).exists() {
            let what = format!("the kernel's module {DRIVER} is not loaded");
            return Err((what, format!("load it with `modprobe {DRIVER}`, and {bind}")));
        }
        match driver.as_deref() {
            Some(DRIVER) => {}
            Some(other) => return Err((format!("the kernel's driver {other} has it"), bind)),
            None => return Err(("no driver has it".to_owned(), bind)),
        }
        let others = self.members_in_the_way(&sysfs, address);
        if !others.is_empty() {
            let what = format!(
                "its IOMMU group {group} is not viable, since the kernel drives other members of it: {}",
                others.join(", ")
            );
            let way_out = format!(
                "take those from their drivers, too, or put the drive into a slot with a group of its own; \
                 `ls /sys/kernel/iommu_groups/{group}/devices` shows all"
            );
            return Err((what, way_out));
        }
        let way = self.way(&sysfs, group, wanted)?;
        Ok(Place { sysfs, group, way })
    }

    /// Finds what the function can be opened by.
    fn way(&self, sysfs: &Path, group: u32, wanted: Option<Wanted>) -> Result<Way, Refusal> {
        let cdev = self.cdev(sysfs);
        match (wanted, cdev) {
            (None | Some(Wanted::Cdev), Some(node)) => return Ok(Way::Cdev(node)),
            (Some(Wanted::Cdev), None) => {
                let what = "there is no /dev/iommu, or no node of the drive's in /dev/vfio/devices";
                let way_out = "`modprobe iommufd`, if the kernel has CONFIG_IOMMUFD and CONFIG_VFIO_DEVICE_CDEV, which \
                               those of Debian have not; or leave `vfio=cdev` out";
                return Err((what.to_owned(), way_out.to_owned()));
            }
            (None | Some(Wanted::Group), _) => {}
        }
        let container = self.root.join("dev/vfio/vfio");
        if !container.exists() {
            let what = "there is no /dev/vfio/vfio: the kernel's module vfio is not loaded";
            return Err((
                what.to_owned(),
                "load it with `modprobe vfio vfio_iommu_type1`".to_owned(),
            ));
        }
        if !self.root.join(format!("dev/vfio/{group}")).exists() {
            return Err(self.without_group_node(group));
        }
        Ok(Way::Group)
    }

    /// The node of a function, which kernels with CONFIG_VFIO_DEVICE_CDEV have, where there is an iommufd to bind it to.
    fn cdev(&self, sysfs: &Path) -> Option<PathBuf> {
        let [name] = &entries(&sysfs.join("vfio-dev"))[..] else { return None };
        let node = Path::new("dev/vfio/devices").join(name);
        let is_there = self.root.join("dev/iommu").exists() && self.root.join(&node).exists();
        is_there.then(|| Path::new("/").join(node))
    }

    /// Says which processes have the node of a function, or of its group, open, as far as this one may see that.
    pub(super) fn holders(&self, place: &Place) -> Vec<String> {
        let group = Path::new("/dev/vfio").join(place.group.to_string());
        let is_node = |it: PathBuf| match &place.way {
            Way::Cdev(node) => it == *node || it == group,
            Way::Group => it == group,
        };
        let is_process = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
        let has_it = |pid: &String| {
            let fds = self.root.join("proc").join(pid).join("fd");
            entries(&fds).iter().any(|fd| fs::read_link(fds.join(fd)).is_ok_and(is_node))
        };
        let processes = entries(&self.root.join("proc")).into_iter();
        let holders = processes.filter(|name| is_process(name)).filter(has_it);
        let named = |pid: String| {
            let name = fs::read_to_string(self.root.join("proc").join(&pid).join("comm"));
            format!("process {pid} ({})", name.as_deref().unwrap_or("?").trim_end())
        };
        holders.map(named).collect()
    }

    /// Whether this process may pin `bytes` of memory, and otherwise how many it may.
    pub(super) fn may_pin(&self, bytes: u64, limit: u64) -> Result<(), u64> {
        // CAP_IPC_LOCK is above the limit.
        const IPC_LOCK: u32 = 14;
        let status = fs::read_to_string(self.root.join("proc/self/status")).unwrap_or_default();
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let effective = effective.and_then(|it| u64::from_str_radix(it.trim(), 16).ok());
        let is_above = effective.is_some_and(|set| set & 1 << IPC_LOCK != 0);
        if is_above || bytes <= limit { Ok(()) } else { Err(limit) }
    }

    fn without_iommu(&self) -> Refusal {
        if entries(&self.root.join("sys/class/iommu")).is_empty() {
            return (
                "no IOMMU is switched on, and without one nothing confines the drive to the memory that it is lent"
                    .to_owned(),
                "switch VT-d or AMD-Vi on in the firmware's set-up, and boot an Intel machine with `intel_iommu=on`"
                    .to_owned(),
            );
        }
        let what = "it has no IOMMU group: the machine's IOMMU does not translate for its slot";
        (what.to_owned(), "put the drive into another slot".to_owned())
    }

    fn without_group_node(&self, group: u32) -> Refusal {
        if self.root.join(format!("dev/vfio/noiommu-{group}")).exists() {
            return (
                "VFIO offers it without an IOMMU, and then nothing confines the drive to the memory that it is lent"
                    .to_owned(),
                "switch the IOMMU on; the mode without one is refused".to_owned(),
            );
        }
        (
            format!("there is no /dev/vfio/{group} for its IOMMU group"),
            "look whether /dev is that of the host: a container needs `--device /dev/vfio`"
                .to_owned(),
        )
    }

    /// The members of the group that keep VFIO from having it: a kernel driver could have them make the accesses that we
    /// allow to the drive. Bridges do none of their own.
    fn members_in_the_way(&self, sysfs: &Path, address: PciAddress) -> Vec<String> {
        const BRIDGE: u32 = 0x06_04;
        const NO_DMA: [&str; 3] = [DRIVER, "pci-stub", "pcieport"];
        let devices = sysfs.join("iommu_group/devices");
        let mut members = entries(&devices);
        members.sort();
        let in_the_way = |member: String| {
            let folder = devices.join(&member);
            let driver = link_name(&folder.join("driver"))?;
            let is_bridge = class_of(&folder).is_some_and(|class| class >> 8 == BRIDGE);
            let in_the_way = !is_bridge && !NO_DMA.contains(&driver.as_str());
            (in_the_way && member != address.to_string()).then(|| format!("{member} ({driver})"))
        };
        members.into_iter().filter_map(in_the_way).collect()
    }

    /// Names the NVMe controllers that there are.
    fn known(&self) -> String {
        let devices = self.root.join("sys/bus/pci/devices");
        let mut known = entries(&devices);
        known.retain(|name| class_of(&devices.join(name)) == Some(CLASS_NVME));
        known.sort();
        match known.len() {
            0 => "this machine shows no NVMe controller at all".to_owned(),
            _ => format!("the NVMe controllers of this machine are: {}", known.join(", ")),
        }
    }
}

/// Class Code, as the kernel read it.
fn class_of(folder: &Path) -> Option<u32> {
    let text = fs::read_to_string(folder.join("class")).ok()?;
    u32::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()
}

/// The last part of what a link points to.
fn link_name(link: &Path) -> Option<String> {
    Some(fs::read_link(link).ok()?.file_name()?.to_str()?.to_owned())
}

/// The names in a folder; none, if it cannot be read.
fn entries(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).into_iter().flatten();
    names.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

#[cfg(test)]
mod tests;
