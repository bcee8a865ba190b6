//! Who uses the namespaces of a drive.

use std::collections::BTreeSet;
use std::fs;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::system::System;
use super::system::entries;

/// Returns a sentence for each use of a namespace of the drive, or of a partition.
pub fn users(system: &System<'_>, function: &Path) -> Vec<String> {
    let mounts = fs::read_to_string(system.path("proc/self/mountinfo")).unwrap_or_default();
    let swaps = fs::read_to_string(system.path("proc/swaps")).unwrap_or_default();
    let mut users = Vec::new();
    for disk in disks(system, function) {
        let folder = system.path("sys/class/block").join(&disk);
        let is_part = |name: &String| folder.join(name).join("partition").exists();
        let parts = entries(&folder).into_iter().filter(is_part);
        for (name, folder) in [(disk.clone(), folder.clone())]
            .into_iter()
            .chain(parts.map(|part| (part.clone(), folder.join(part))))
        {
            let before = users.len();
            let number = fs::read_to_string(folder.join("dev")).unwrap_or_default();
            for place in places(&mounts, number.trim(), &name) {
                users.push(format!("{name} is mounted on {place}: run `umount {place}`"));
            }
            for holder in entries(&folder.join("holders")) {
                users.push(format!(
                    "{name} is held by {holder} (LVM, RAID or encryption): stop that first"
                ));
            }
            if swaps
                .lines()
                .any(|line| line.split_whitespace().next() == Some(&format!("/dev/{name}")))
            {
                users.push(format!("{name} is swap space: run `swapoff /dev/{name}`"));
            }
            // What has it for itself, and is none of those, a file system of another mount namespace for example.
            if users.len() == before && is_claimed(&system.path("dev").join(&name)) {
                users
                    .push(format!("{name} is in use by somebody: `fuser -v /dev/{name}` may tell"));
            }
        }
    }
    users
}

/// Returns the names of the block devices of a controller.
fn disks(system: &System<'_>, function: &Path) -> BTreeSet<String> {
    let mut disks = BTreeSet::new();
    for controller in entries(&function.join("nvme")) {
        let folder = function.join("nvme").join(&controller);
        for name in entries(&folder).into_iter().filter(|name| name.starts_with("nvme")) {
            // A path to a namespace that several controllers have (nvme0c1n1) is not the disk (nvme0n1) itself.
            let disk = match name.split_once('c') {
                Some((subsystem, path)) => match path.split_once('n') {
                    Some((_, namespace)) => format!("{subsystem}n{namespace}"),
                    None => name,
                },
                None => name,
            };
            if system.path("sys/class/block").join(&disk).exists() {
                disks.insert(disk);
            }
        }
    }
    disks
}

/// Returns where a block device is mounted: by its number, or by its name, since some file systems have a number of
/// their own.
fn places<'a>(mounts: &'a str, number: &str, name: &str) -> Vec<&'a str> {
    let source = format!("/dev/{name}");
    let is_it = |line: &&str| {
        let fields: Vec<_> = line.split(' ').collect();
        let by_number = !number.is_empty() && fields.get(2) == Some(&number);
        let rest = line.split(" - ").nth(1).unwrap_or_default();
        by_number || rest.split(' ').nth(1) == Some(&source)
    };
    mounts.lines().filter(is_it).filter_map(|line| line.split(' ').nth(4)).collect()
}

/// Returns whether somebody has a block device for himself.
fn is_claimed(device: &Path) -> bool {
    let opened = File::options().read(true).custom_flags(OFlag::O_EXCL.bits()).open(device);
    opened.is_err_and(|error| error.raw_os_error() == Some(Errno::EBUSY as i32))
}
