//! The initial RAM disk of a guest.

use std::fs;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::Context;

use super::apt::Archive as Packages;
use super::apt::Suite;
use super::cpio::Archive;
use super::kernel::Kernel;
use super::modules;
use super::store;
use super::tools::Tools;

/// The first process of the guest.
const INIT: &str = include_str!("guest/init.sh");

/// What every guest needs to reach its host.
const CHANNEL: [&str; 2] = ["virtio_pci", "virtio_console"];

/// What a guest has beside its kernel.
pub struct Payload<'a> {
    /// The script that is run; what it says goes to the host, and its exit code is that of the guest.
    pub job: &'a str,
    /// Modules of the kernel that are loaded.
    pub modules: &'a [&'a str],
    /// Programs of Debian's with their libraries.
    pub tools: Option<&'a Tools>,
    /// Files: their path in the guest, and where they are here.
    pub files: &'a [(&'a str, &'a Path)],
}

/// Makes the initial RAM disk: a file without a name, which is gone with its last descriptor.
///
/// It is not compressed: an emulated processor takes longer to decompress it than to copy it.
pub fn make(kernel: &Kernel, payload: &Payload<'_>) -> anyhow::Result<File> {
    let busybox = busybox()?;
    let disk = tempfile::tempfile()?;
    let mut archive = Archive::new(BufWriter::new(disk));
    archive.file("bin/busybox", &busybox)?;
    archive.file("init", INIT.as_bytes())?;
    archive.file("job", payload.job.as_bytes())?;
    let wanted = [&CHANNEL, payload.modules].concat();
    let mut order = String::new();
    for module in modules::load_order(&kernel.modules, &wanted)? {
        archive.file(&format!("modules/{}", module.name), &module.content)?;
        order += &module.name;
        order.push('\n');
    }
    archive.file("modules/order", order.as_bytes())?;
    for (name, path) in payload.files {
        let content = fs::read(path).with_context(|| path.display().to_string())?;
        archive.file(name, &content)?;
    }
    if let Some(tools) = payload.tools {
        tools.add_to(&mut archive)?;
    }
    let out = archive.finish()?;
    Ok(out.into_inner().map_err(std::io::IntoInnerError::into_error)?)
}

/// Fetches the program that a guest's commands are, unless it was fetched before.
pub fn busybox() -> anyhow::Result<Vec<u8>> {
    let folder = store::provide("busybox", |folder| {
        Packages::open(Suite::Own)?.unpack(&["busybox-static"], folder)
    })?;
    let places = ["bin/busybox", "usr/bin/busybox"].map(|place| folder.join(place));
    let place = places.into_iter().find(|place| place.is_file());
    Ok(fs::read(place.context("the package busybox-static has no busybox")?)?)
}
