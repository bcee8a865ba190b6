//! `cargo xtask vm`: what needs a kernel of its own, in a virtual machine.
//!
//! A guest gets a kernel of Debian's, busybox, and a job, as an initial RAM disk; it has an emulated IOMMU and an NVMe
//! drive. Everything that is fetched is in `target/vm`, and nothing of the system is changed.

mod acceleration;
mod apt;
mod check;
mod cpio;
mod drive;
mod guest;
mod initrd;
mod kernel;
mod linux;
mod modules;
mod payload;
mod qemu;
mod store;
mod test;
mod tools;

use std::process::ExitCode;

use clap::Subcommand;

/// Run the suites, or Linux's own NVMe driver, in a virtual machine
#[derive(Subcommand)]
pub enum Vm {
    Test(test::Test),
    Linux(linux::Linux),
    Check(check::Check),
}

impl Vm {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Test(test) => test.run(),
            Self::Linux(linux) => linux.run(),
            Self::Check(check) => check.run(),
        }
    }
}
