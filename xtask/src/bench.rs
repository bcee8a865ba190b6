//! `cargo xtask bench`.

use std::ffi::OsString;
use std::process::Command;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::suites::root;
use crate::vm;
use crate::vm::kernel::Choice;

/// What names a drive over VFIO, and none of this machine's.
const A_GUESTS_DRIVE: &str = "pci:";

/// Measure 4 KiB random reads on the soft controller, by the driver and by IOWorkers, beside what the machine can do, and
/// count what the guarantees cost
#[derive(Args)]
pub struct Bench {
    /// Measure on another device, by the driver and by an IOWorker: `pci:` is a drive in a virtual machine, with fio through
    /// the kernel's driver beside; `pci:0000:01:00.0` is a drive of this machine that vfio-pci has
    #[arg(long, value_name = "URI", conflicts_with = "options")]
    device: Option<String>,

    /// The kernel of the virtual machine, as that of `cargo xtask vm test`
    #[arg(long, value_name = "KERNEL", default_value = "stable")]
    kernel: Choice,

    /// Options of the benchmark, behind `--`: `-- workers` for the part about IOWorkers alone, `-- qualify` for what a qualification
    /// run costs beside the plain runner
    #[arg(last = true, value_name = "OPTION")]
    options: Vec<OsString>,
}

/// Runs trivial tests by the engine of qualification runs and by the plain runner.
fn what_a_qualification_costs() -> anyhow::Result<ExitCode> {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--quiet", "--release", "--package", "nvmetest", "--test", "qualify"]);
    cargo.args(["--", "--ignored", "--exact", "the_engine_takes_little_time"]).current_dir(root());
    let status = cargo.status().context("cargo does not start")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Bench {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if self.options == ["qualify"] {
            return what_a_qualification_costs();
        }
        let options = match self.device {
            None => self.options,
            Some(device) if device == A_GUESTS_DRIVE => {
                return vm::bench::Bench::on(self.kernel).run();
            }
            Some(device) => {
                println!("4 KiB random reads a second on {device}: depth, driver, worker");
                vec!["device".into(), device.into()]
            }
        };
        let mut cargo = Command::new("cargo");
        cargo.args(["run", "--quiet", "--release", "--package", "nvmetest-fixtures"]);
        cargo.args(["--example", "bench", "--"]).args(options).current_dir(root());
        let status = cargo.status().context("cargo does not start")?;
        Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
