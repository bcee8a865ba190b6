//! The NVMe drive of a guest, as QEMU's command line has it.

use std::process::Command;

use nix::sys::memfd::MFdFlags;
use nix::sys::memfd::memfd_create;
use nix::unistd::ftruncate;

use super::guest::Files;

/// Where the guest finds the drive: behind a port, so that its bus can be reset and it can be pulled.
pub const BDF: &str = "0000:01:00.0";

/// The name of the port for QEMU.
pub const PORT: &str = "upstream";

/// The name of the drive for QEMU.
pub const ID: &str = "nvme0";

/// What both drivers need of the guest's kernel.
pub const MODULES: [&str; 3] = ["nvme", "vfio_pci", "vfio_iommu_type1"];

/// The size of its namespace, in bytes.
const SIZE: i64 = 1 << 30;

/// Adds the port that the drive is behind.
pub fn add_port(command: &mut Command) {
    // After a hot reset Linux waits until a link of more than 5 GT/s is active, which QEMU's port does not say.
    let port = format!("pcie-root-port,id={PORT},bus=pcie.0,chassis=1,slot=1,addr=5,x-speed=5");
    command.arg("-device").arg(port);
}

/// Adds the drive: QEMU's, with a namespace in memory that is gone with QEMU.
pub fn add_nvme(command: &mut Command, files: &mut Files) -> anyhow::Result<()> {
    let data = memfd_create(c"nvmetest-vm-namespace", MFdFlags::MFD_CLOEXEC)?;
    ftruncate(&data, SIZE)?;
    let data = files.add(data);
    add_port(command);
    command.arg("-blockdev").arg(format!(
        "driver=file,node-name=file,filename=/proc/self/fd/{data},locking=off,discard=unmap"
    ));
    command.args(["-blockdev", "driver=raw,node-name=data,file=file,discard=unmap"]);
    command.arg("-device").arg(format!("nvme,id={ID},bus={PORT},serial=NVMETEST-QEMU,mdts=7"));
    // A UUID of our own: QEMU would make a new one for each run.
    let namespace = "nvme-ns,bus=nvme0,nsid=1,drive=data,uuid=6e766d65-7465-4374-8000-000000000001";
    command.args(["-device", namespace]);
    Ok(())
}
