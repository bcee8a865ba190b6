//! `cargo xtask vm test`.

use std::ffi::OsString;
use std::process::Command;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;

use super::acceleration::Acceleration;
use super::drive;
use super::guest::Files;
use super::guest::Guest;
use super::guest::Limits;
use super::initrd;
use super::initrd::Payload;
use super::kernel::Choice;
use super::kernel::Kernel;
use super::linux::soft::Soft;
use super::payload;
use super::payload::Program;
use super::qemu::Qemu;
use crate::suites::root;

/// What the guest does.
const JOB: &str = include_str!("guest/suites.sh");

/// What QEMU does not outlast (seen with 10.0): its drive goes on with commands that it fetched while it was reset, of queues
/// that are gone by then, and QEMU ends by SIGSEGV. On `qemu:`, where one thread does everything, the test runs.
const SKIPPED: &str = "reset::a_reset_under_load_ends_all_commands";

/// What is known to be wrong with QEMU's drive, however it is reached.
const BASELINE: &str = "suites/baselines/qemu.toml";

/// What is known to be wrong with what QEMU shows a guest of the soft controller.
const BASELINE_OF_SOFT: &str = "suites/baselines/soft-in-guest.toml";

/// A test has 60 seconds, and 30 more if it does not come back.
const LIMITS: Limits = Limits {
    boot: Duration::from_secs(120),
    silence: Duration::from_secs(180),
    total: Duration::from_secs(3600),
};

/// Run the suites over VFIO, on an NVMe drive that is bound to vfio-pci in a virtual machine
///
/// The exit code is the runner's, as that of `cargo xtask test`; 3 if the guest was lost. What it left is in
/// `target/vm/run/KERNEL`: its console, its kernel's log, and what failing tests left.
#[derive(Args)]
pub struct Test {
    /// `stable` or `backports`, of the Debian release that this machine runs, or the path of a kernel package
    #[arg(long, value_name = "KERNEL", default_value = "stable")]
    kernel: Choice,

    /// The device, as the guest sees it
    #[arg(long, value_name = "URI", default_value_t = format!("pci:{}", drive::BDF))]
    device: String,

    /// Give the guest the soft controller with these options, as those of `soft:`, and not QEMU's drive: `irq=msi` for one with
    /// MSI. It takes a QEMU that has vfio-user-pci, which is fetched
    #[arg(long, value_name = "OPTIONS")]
    soft: Option<String>,

    /// After how many seconds the guest is ended
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    deadline: u64,

    /// Run only the tests whose names contain one of these
    #[arg(value_name = "FILTER")]
    filters: Vec<OsString>,

    /// Options of the runner, behind `--`
    #[arg(last = true, value_name = "OPTION")]
    options: Vec<OsString>,
}

impl Test {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        Ok(self.code()?.into())
    }

    /// Runs all suites on a kernel, and fails unless all is as it should be.
    pub fn check(kernel: Choice) -> anyhow::Result<()> {
        let device = format!("pci:{}", drive::BDF);
        let test =
            Self { kernel, device, soft: None, deadline: 1800, filters: vec![], options: vec![] };
        let code = test.code()?;
        ensure!(code == 0, "the suites end with exit code {code}; see above");
        Ok(())
    }

    /// Runs what is about interrupts on the soft controller with MSI, which QEMU's drive has not.
    pub fn check_msi(kernel: Choice) -> anyhow::Result<()> {
        let device = format!("pci:{}", drive::BDF);
        let soft = Some("irq=msi".to_owned());
        let filters = vec!["interrupts".into()];
        let test = Self { kernel, device, soft, deadline: 900, filters, options: vec![] };
        let code = test.code()?;
        ensure!(code == 0, "the suites with MSI end with exit code {code}; see above");
        Ok(())
    }

    fn code(self) -> anyhow::Result<u8> {
        let runner = Program::Suites.build()?;
        let xtask = Program::Xtask.build()?;
        let kernel = Kernel::provide(&self.kernel)?;
        let soft = match &self.soft {
            Some(options) => Some(Soft::start(&payload::soft_controller()?, options)?),
            None => None,
        };
        let qemu = if soft.is_some() { Qemu::with_vfio_user() } else { Qemu::installed() }?;
        let acceleration = Acceleration::find(&qemu, &kernel)?;
        println!("vm: Linux {}, by {}", kernel.release, acceleration.name());

        let baseline = root().join(if soft.is_some() { BASELINE_OF_SOFT } else { BASELINE });
        let payload = Payload {
            job: &self.job(),
            modules: &drive::MODULES,
            tools: None,
            files: &[("bin/nvme", &runner), ("bin/xtask", &xtask), ("baseline.toml", &baseline)],
        };
        let guest = Guest {
            name: &self.kernel.to_string(),
            qemu: &qemu,
            acceleration,
            kernel: &kernel,
            initrd: initrd::make(&kernel, &payload)?,
            add_devices: &|command: &mut Command, files: &mut Files| match &soft {
                Some(soft) => {
                    soft.add_to(command);
                    Ok(())
                }
                None => drive::add_nvme(command, files),
            },
            iommu: true,
            limits: Limits { total: Duration::from_secs(self.deadline), ..LIMITS },
        };
        guest.run_on_terminal()
    }

    /// What the guest does.
    fn job(&self) -> String {
        let arguments = self.filters.iter().chain(&self.options);
        let mut arguments: Vec<_> = arguments.map(|it| quoted(&it.to_string_lossy())).collect();
        arguments.extend(["--skip".to_owned(), quoted(SKIPPED)]);
        JOB.replace("@DEVICE@", &quoted(&self.device))
            .replace("@BDF@", drive::BDF)
            .replace(
                "@BASELINE@",
                if self.soft.is_none() { "--baseline /baseline.toml" } else { "" },
            )
            .replace("@ARGUMENTS@", &arguments.join(" "))
    }
}

/// Makes one word of the shell's.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        test: Test,
    }

    #[test]
    fn the_words_of_the_command_line_reach_the_runner_as_they_are() {
        let line = ["test", "a b", "--kernel", "backports", "it's", "--", "--exact"];
        let test = Line::parse_from(line).test;
        assert_eq!(test.kernel, Choice::Backports);
        assert!(test.job().contains(r"'a b' 'it'\''s' '--exact'"), "{}", test.job());
    }
}
