//! What keeps a drive from being given to vfio-pci.

use std::fs;
use std::fs::File;
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::AccessFlags;
use nix::unistd::access;

use super::address::Address;
use super::binding::VFIO;
use super::system::NVME;
use super::system::System;
use super::system::entries;
use super::users::users;

/// What the runner lends to a device unless it is told otherwise.
const ARENA: u64 = 1 << 30;

/// Returns a sentence for each obstacle: what it is, and the way out.
pub fn obstacles(system: &System<'_>, address: &Address, force: bool) -> Vec<String> {
    let function = system.function(address);
    let Some(class) = system.class(&function) else {
        let others = match &system.controllers()[..] {
            [] => "and there is no NVMe controller".to_owned(),
            controllers => format!("NVMe controllers are at {}", controllers.join(", ")),
        };
        return vec![format!("there is no PCI function at {address}; {others}")];
    };
    if class != NVME {
        return vec![format!(
            "{address} is no NVMe controller: its class code is {class:06x}, and not {NVME:06x}"
        )];
    }
    let mut obstacles = Vec::new();
    if access(&function.join("driver_override"), AccessFlags::W_OK).is_err() {
        obstacles.push("only root can bind a drive: run the same with sudo".to_owned());
    }
    match system.group(&function) {
        None => obstacles.push(format!(
            "{address} has no IOMMU: enable it in the firmware (VT-d, AMD-Vi), and start the kernel with \
             intel_iommu=on (amd_iommu needs nothing)"
        )),
        Some(group) => obstacles.extend(neighbours(system, address, &group)),
    }
    if !system.path("sys/bus/pci/drivers").join(VFIO).exists() {
        obstacles.push(format!(
            "the kernel has no {VFIO}: run `modprobe vfio-pci`, or install a kernel that has CONFIG_VFIO_PCI"
        ));
    }
    if !force && system.driver(&function).as_deref() != Some(VFIO) {
        obstacles.extend(users(system, &function));
    }
    obstacles
}

/// The other functions of the group: the kernel gives all to one owner, or none.
fn neighbours(system: &System<'_>, address: &Address, group: &str) -> Vec<String> {
    let folder = system.path(format!("sys/kernel/iommu_groups/{group}/devices"));
    let others = entries(&folder).into_iter().filter(|name| *name != address.to_string());
    others
        .filter_map(|other| {
            let function = folder.join(&other);
            let driver = system.driver(&function)?;
            let is_harmless = system.is_bridge(&function) || driver == VFIO || driver == "pci-stub";
            (!is_harmless).then(|| {
                format!(
                    "{other} is in the same IOMMU group {group} and bound to {driver}: take it from its driver \
                     (`echo {other} > /sys/bus/pci/devices/{other}/driver/unbind`), or put the drive into a slot \
                     with a group of its own"
                )
            })
        })
        .collect()
}

/// Returns whether somebody has the group of a drive that is bound to vfio-pci: to take the drive from the driver
/// then waits until he is through, and cannot be ended.
pub fn is_in_use(system: &System<'_>, function: &Path) -> bool {
    let Some(group) = system.group(function) else { return false };
    let opened = File::options().read(true).write(true).open(system.path("dev/vfio").join(group));
    opened.is_err_and(|error| error.raw_os_error() == Some(Errno::EBUSY as i32))
}

/// Returns what a run of this user would find, though the drive is bound.
pub fn memlock_warning(system: &System<'_>) -> Option<String> {
    let limits = fs::read_to_string(system.path("proc/self/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"))?;
    // It is a number of bytes, or the word "unlimited".
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    (limit < ARENA).then(|| {
        format!(
            "a run that is not root's may lock {} KiB of memory (RLIMIT_MEMLOCK), and lends {} MiB to the drive: raise \
             it (`ulimit -l unlimited`, or memlock in /etc/security/limits.conf), or lend less (`-- --memory`)",
            limit >> 10,
            ARENA >> 20
        )
    })
}
