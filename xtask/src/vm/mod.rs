//! `cargo xtask vm`: what needs a kernel of its own, in a virtual machine.
//!
//! A guest gets a kernel of Debian's, busybox, and a job, as an initial RAM disk; it has an emulated IOMMU and an NVMe
//! drive. Everything that is fetched is in `target/vm`, and nothing of the system is changed.

mod acceleration;
mod apt;
pub mod bench;
pub mod check;
mod cpio;
mod drive;
mod guest;
mod initrd;
pub mod kernel;
pub mod linux;
mod modules;
pub mod payload;
mod qemu;
mod store;
pub mod test;
mod tools;

use std::process::ExitCode;

use clap::Subcommand;

use kernel::Choice;
use kernel::Kernel;
use qemu::Qemu;
use tools::Tools;

/// Run the suites, or Linux's own NVMe driver, in a virtual machine
#[derive(Subcommand)]
pub enum Vm {
    Test(test::Test),
    Linux(linux::Linux),
    Bench(bench::Bench),
    Check(check::Check),
}

impl Vm {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Test(test) => test.run(),
            Self::Linux(linux) => linux.run(),
            Self::Bench(bench) => bench.run(),
            Self::Check(check) => check.run(),
        }
    }
}

/// Says what cannot be had here, if a guest of one of `kernels` cannot be run.
pub fn missing(kernels: &[Choice]) -> Option<String> {
    let fetch = || -> anyhow::Result<()> {
        Qemu::installed()?;
        initrd::busybox()?;
        for kernel in kernels {
            Kernel::provide(kernel)?;
        }
        Ok(())
    };
    fetch().err().map(|error| format!("{error:#}"))
}

/// Says what cannot be had here, if Linux cannot drive the soft controller.
pub fn missing_for_linux(kernels: &[Choice]) -> Option<String> {
    let fetch = || -> anyhow::Result<()> {
        Tools::provide()?;
        Qemu::with_vfio_user()?;
        Ok(())
    };
    missing(kernels).or_else(|| fetch().err().map(|error| format!("{error:#}")))
}
