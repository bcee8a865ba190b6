//! Programs of Debian's for a guest, each with the libraries that it needs and nothing more.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;
use xshell::Shell;
use xshell::cmd;

use super::apt::Archive;
use super::apt::Suite;
use super::cpio;
use super::store;

/// Who uses the drive: the packages, and what is taken of them.
const PACKAGES: [&str; 4] = ["nvme-cli", "fio", "e2fsprogs", "fdisk"];
const PROGRAMS: [&str; 5] =
    ["usr/sbin/nvme", "usr/bin/fio", "sbin/mke2fs", "sbin/e2fsck", "sbin/sfdisk"];

/// Where a program looks for its loader, and the loader for libraries.
const LOADER: &str = "lib64/ld-linux-x86-64.so.2";
const LIBRARIES: &str = "lib/x86_64-linux-gnu";

/// Where the packages have libraries. fio is linked to Ceph's, which have a folder of their own.
const SEARCHED: [&str; 3] =
    [LIBRARIES, "usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/ceph"];

/// Programs that were unpacked.
pub struct Tools {
    folder: PathBuf,
    programs: Vec<PathBuf>,
    libraries: BTreeSet<PathBuf>,
}

impl Tools {
    /// Fetches nvme-cli, fio, and what makes and checks partitions and file systems, unless they were fetched before.
    pub fn provide() -> anyhow::Result<Self> {
        let folder = store::provide("tools", |folder| {
            let archive = Archive::open(Suite::Own)?;
            let needed = archive.needed_for(&PACKAGES)?;
            archive.unpack(&needed.iter().map(String::as_str).collect::<Vec<_>>(), folder)
        })?;
        Self::find(folder)
    }

    fn find(folder: PathBuf) -> anyhow::Result<Self> {
        let sh = Shell::new()?;
        let loader = folder.join(LOADER);
        let path = SEARCHED.map(|it| folder.join(it));
        let path = path.map(|it| it.display().to_string()).join(":");
        let mut programs = Vec::new();
        let mut libraries = BTreeSet::new();
        for program in PROGRAMS {
            // A release may have moved it: all of /sbin is in /usr/sbin in some.
            let places = [program.to_owned(), format!("usr/{program}")].map(|it| folder.join(it));
            let place = places.into_iter().find(|it| it.exists());
            let program = place.with_context(|| format!("{PACKAGES:?} have no {program:?}"))?;
            let list =
                cmd!(sh, "{loader} --library-path {path} --list {program}").quiet().read()?;
            libraries.extend(needed(&list).into_iter().filter(|it| it.starts_with(&folder)));
            programs.push(program);
        }
        Ok(Self { folder, programs, libraries })
    }

    /// Adds them to an initial RAM disk.
    pub fn add_to<W: Write>(&self, archive: &mut cpio::Archive<W>) -> anyhow::Result<()> {
        let read = |path: &Path| fs::read(path).with_context(|| path.display().to_string());
        archive.file(LOADER, &read(&self.folder.join(LOADER))?)?;
        for program in &self.programs {
            archive.file(&format!("usr/bin/{}", name(program)), &read(program)?)?;
        }
        for library in &self.libraries {
            archive.file(&format!("{LIBRARIES}/{}", name(library)), &read(library)?)?;
        }
        archive.link("usr/bin/mkfs.ext4", "mke2fs")?;
        Ok(())
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Returns the libraries that a loader lists: NAME => PATH (ADDRESS).
fn needed(list: &str) -> Vec<PathBuf> {
    let paths = list.lines().filter_map(|line| line.split_once(" => "));
    paths.filter_map(|(_, path)| path.split_whitespace().next()).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_what_a_loader_lists() {
        let list = "\tlinux-vdso.so.1 (0x7ff)\n\tlibz.so.1 => /t/lib/libz.so.1 (0x7f)\n\
                    \tlibc.so.6 => /t/lib/libc.so.6 (0x7e)\n\t/lib64/ld.so (0x7d)\n";
        let expected = ["/t/lib/libz.so.1", "/t/lib/libc.so.6"].map(PathBuf::from);
        assert_eq!(needed(list), expected);
    }
}
