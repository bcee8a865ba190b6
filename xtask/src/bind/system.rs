//! What the kernel says about a PCI function, and how it is told otherwise.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;

use super::address::Address;

/// The files of a system: `/`, or a tree that a test made.
pub struct System<'a> {
    root: PathBuf,
    write: &'a dyn Fn(&Path, &str) -> io::Result<()>,
}

/// The class code of an NVMe I/O controller (PCIe 2.1.3).
pub const NVME: u32 = 0x01_0802;

/// The base class of bridges, which belong to a group and are no obstacle.
const BRIDGE: u32 = 0x06;

impl System<'static> {
    pub fn real() -> Self {
        Self { root: "/".into(), write: &|path, text| fs::write(path, text) }
    }
}

impl<'a> System<'a> {
    /// A tree of files, and what happens when one of the kernel's is written to.
    #[cfg(test)]
    pub fn fake(root: &Path, write: &'a dyn Fn(&Path, &str) -> io::Result<()>) -> Self {
        Self { root: root.to_owned(), write }
    }

    /// Returns where `path` is, which begins without a slash.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// Writes to a file of the kernel's.
    pub fn write(&self, path: &Path, text: &str) -> anyhow::Result<()> {
        (self.write)(path, text)
            .with_context(|| format!("the kernel refuses `{text}` in {}", path.display()))
    }

    pub fn function(&self, address: &Address) -> PathBuf {
        self.path(format!("sys/bus/pci/devices/{address}"))
    }

    /// Returns the class code of a function, or `None` if there is no such function.
    pub fn class(&self, function: &Path) -> Option<u32> {
        let text = fs::read_to_string(function.join("class")).ok()?;
        u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()
    }

    /// Returns whether a function is a bridge.
    pub fn is_bridge(&self, function: &Path) -> bool {
        self.class(function).is_some_and(|class| class >> 16 == BRIDGE)
    }

    /// Returns the name of the driver that has a function.
    pub fn driver(&self, function: &Path) -> Option<String> {
        name_of_target(&function.join("driver"))
    }

    /// Returns the number of the IOMMU group of a function.
    pub fn group(&self, function: &Path) -> Option<String> {
        name_of_target(&function.join("iommu_group"))
    }

    /// Returns the addresses of all NVMe controllers.
    pub fn controllers(&self) -> Vec<String> {
        let functions = entries(&self.path("sys/bus/pci/devices"));
        functions
            .into_iter()
            .filter(|name| self.class(&self.path("sys/bus/pci/devices").join(name)) == Some(NVME))
            .collect()
    }
}

/// Returns the names in a folder, sorted; none if there is no such folder.
pub fn entries(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = names.filter_map(|it| it.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn name_of_target(link: &Path) -> Option<String> {
    Some(fs::read_link(link).ok()?.file_name()?.to_str()?.to_owned())
}
