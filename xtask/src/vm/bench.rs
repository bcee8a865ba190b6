//! `cargo xtask vm bench`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::acceleration::Acceleration;
use super::drive;
use super::guest::Guest;
use super::guest::Iommu;
use super::guest::Limits;
use super::initrd;
use super::initrd::Payload;
use super::kernel::Choice;
use super::kernel::Kernel;
use super::payload::Program;
use super::qemu::Qemu;
use super::tools::Tools;

/// What the guest does.
const JOB: &str = include_str!("guest/bench.sh");

const LIMITS: Limits = Limits {
    boot: Duration::from_secs(180),
    silence: Duration::from_secs(180),
    total: Duration::from_secs(300),
};

/// Measure 4 KiB random reads over VFIO in a virtual machine, beside fio through the kernel's driver on the same drive
///
/// Where the guest is emulated, what a processor has to do for a command counts ten times as much as on hardware.
#[derive(Args)]
pub struct Bench {
    /// As that of `cargo xtask vm test`
    #[arg(long, value_name = "KERNEL", default_value = "stable")]
    kernel: Choice,
}

impl Bench {
    /// On a kernel.
    pub fn on(kernel: Choice) -> Self {
        Self { kernel }
    }

    pub fn run(self) -> anyhow::Result<ExitCode> {
        let [bench, xtask] = [Program::Bench.build()?, Program::Xtask.build()?];
        let kernel = Kernel::provide(&self.kernel)?;
        let tools = Tools::provide()?;
        let qemu = Qemu::installed()?;
        let acceleration = Acceleration::find(&qemu, &kernel)?;
        println!("vm: Linux {}, by {}", kernel.release, acceleration.name());
        let payload = Payload {
            job: &JOB.replace("@BDF@", drive::BDF),
            modules: &drive::MODULES,
            tools: Some(&tools),
            files: &[("bin/bench", &bench), ("bin/xtask", &xtask)],
        };
        let guest = Guest {
            name: &format!("bench-{}", self.kernel),
            qemu: &qemu,
            acceleration,
            kernel: &kernel,
            initrd: initrd::make(&kernel, &payload)?,
            add_devices: &drive::add_nvme,
            iommu: Iommu::All,
            limits: LIMITS,
        };
        Ok(guest.run_on_terminal(&mut |_| {})?.into())
    }
}
