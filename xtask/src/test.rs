//! `cargo xtask test`.

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;

use crate::suites::Suites;

/// Run the suites on one device after the other
///
/// The exit code is the runner's: 0 if all is as expected, 1 if not, 2 if the run could not begin, 3 if
/// the device was lost; of several devices the highest.
#[derive(Args)]
pub struct Test {
    /// The device; several run one after the other [default: NVMETEST_DEVICE, or soft:]
    #[arg(long = "device", value_name = "URI")]
    devices: Vec<String>,

    /// Build with optimization
    #[arg(long)]
    release: bool,

    /// Run only the tests whose names contain one of these
    #[arg(value_name = "FILTER")]
    filters: Vec<OsString>,

    /// Options of the runner, behind `--`; `-- --help` lists them
    #[arg(last = true, value_name = "OPTION")]
    options: Vec<OsString>,
}

impl Test {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let suites = Suites::build(self.release)?;
        let environment = env::var("NVMETEST_DEVICE").unwrap_or_default();
        let devices = devices(self.devices, &environment);
        let arguments = [self.filters, self.options].concat();
        if let [device] = &devices[..] {
            return Err(suites.become_runner(device, &arguments));
        }
        let mut worst = 0;
        for device in &devices {
            worst = worst.max(suites.run(device, &arguments)?);
        }
        Ok(worst.into())
    }
}

/// The devices to test: those of the command line, or those of the environment, or the soft controller.
fn devices(chosen: Vec<String>, environment: &str) -> Vec<String> {
    if !chosen.is_empty() {
        return chosen;
    }
    let devices: Vec<_> = environment.split_whitespace().map(str::to_owned).collect();
    if devices.is_empty() { vec!["soft:".to_owned()] } else { devices }
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
    fn filters_are_told_from_the_options_of_the_runner() {
        let line =
            ["test", "reset", "--device", "soft:", "--device=qemu:ns=2", "io", "--", "--exact"];
        let Test { devices, release, filters, options } = Line::parse_from(line).test;
        assert_eq!(devices, ["soft:", "qemu:ns=2"]);
        assert!(!release);
        assert_eq!(filters, ["reset", "io"]);
        assert_eq!(options, ["--exact"]);
    }

    #[test]
    fn the_command_line_wins_over_the_environment_and_that_over_the_default() {
        let chosen = vec!["pci:0000:01:00.0".to_owned()];
        assert_eq!(devices(chosen.clone(), "qemu:"), chosen);
        assert_eq!(devices(vec![], " qemu:  soft:lba=4096 "), ["qemu:", "soft:lba=4096"]);
        assert_eq!(devices(vec![], ""), ["soft:"]);
    }
}
