//! `cargo xtask vm linux`: Linux drives the soft controller.

pub mod soft;

use std::process::Command;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;

use super::acceleration::Acceleration;
use super::guest::Files;
use super::guest::Guest;
use super::guest::Iommu;
use super::guest::Limits;
use super::initrd;
use super::initrd::Payload;
use super::kernel::Choice;
use super::kernel::Kernel;
use super::payload;
use super::qemu::Qemu;
use super::tools::Tools;
use soft::Soft;

/// What the guest does.
const JOB: &str = include_str!("guest/linux.sh");

/// The soft controller: several namespaces' worth of options would only take time here.
const OPTIONS: &str = "size=1GiB,queues=4";

/// A soft controller with MSI, and no MSI-X.
const MSI: &str = "irq=msi";

const LIMITS: Limits = Limits {
    boot: Duration::from_secs(180),
    silence: Duration::from_secs(180),
    total: Duration::from_secs(1200),
};

/// The exit code when a step failed.
const FAILED: u8 = 1;

/// Have Linux's own NVMe driver, nvme-cli and fio use the soft controller, in a virtual machine
///
/// The exit code is 0 if all is well, 1 if a step fails or the guest's kernel complains, and 3 if the guest was lost. What
/// it left is in `target/vm/run/linux-KERNEL`.
#[derive(Args)]
pub struct Linux {
    /// As that of `cargo xtask vm test`
    #[arg(long, value_name = "KERNEL", default_value = "stable")]
    kernel: Choice,

    /// Options of the soft controller, as those of `soft:`
    #[arg(long, value_name = "OPTIONS", default_value = OPTIONS)]
    soft: String,

    /// Fewer blocks and fewer resets
    #[arg(long)]
    short: bool,
}

impl Linux {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        Ok(self.code()?.into())
    }

    /// Runs all steps on a kernel, and fails unless all is as it should be.
    pub fn check(kernel: Choice, short: bool) -> anyhow::Result<()> {
        Self { kernel, soft: OPTIONS.to_owned(), short }.pass()
    }

    /// Runs them, with fewer blocks and resets, on a soft controller that has no MSI-X, so that Linux has it send MSI.
    pub fn check_msi(kernel: Choice) -> anyhow::Result<()> {
        Self { kernel, soft: format!("{OPTIONS},{MSI}"), short: true }.pass()
    }

    fn pass(self) -> anyhow::Result<()> {
        let code = self.code()?;
        ensure!(code == 0, "Linux is not content; see above");
        Ok(())
    }

    fn code(self) -> anyhow::Result<u8> {
        let binary = payload::soft_controller()?;
        let kernel = Kernel::provide(&self.kernel)?;
        let tools = Tools::provide()?;
        let qemu = Qemu::with_vfio_user()?;
        let acceleration = Acceleration::find(&qemu, &kernel)?;
        println!("vm: Linux {}, by {}", kernel.release, acceleration.name());

        let payload = Payload {
            job: &JOB.replace("@LENGTH@", if self.short { "short" } else { "full" }),
            modules: &["nvme"],
            tools: Some(&tools),
            files: &[],
        };
        let name = format!("linux-{}", self.kernel);
        let soft = Soft::start(&binary, &self.soft, &name)?;
        let guest = Guest {
            name: &name,
            qemu: &qemu,
            acceleration,
            kernel: &kernel,
            initrd: initrd::make(&kernel, &payload)?,
            add_devices: &|command: &mut Command, _: &mut Files| {
                soft.add_to(command);
                Ok(())
            },
            // Each page that the guest's driver maps would be a message to the soft controller. Of MSI-X Linux gives as many messages as
            // it is asked for.
            iommu: if self.soft.contains(MSI) { Iommu::Messages } else { Iommu::Absent },
            limits: LIMITS,
        };
        let code = guest.run_on_terminal(&mut |_| {})?;
        let complaints = soft.end()?;
        if complaints.is_empty() {
            return Ok(code);
        }
        eprintln!("xtask: the soft controller complained: {complaints}");
        Ok(code.max(FAILED))
    }
}
