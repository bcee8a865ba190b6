//! The command line.

use std::env;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::CommandFactory;
use clap::FromArgMatches;
use clap::Parser;
use clap::error::ErrorKind;

use super::setup::SetupError;
use crate::memory::HugePages;
use crate::memory::PAGE_SIZE;
use crate::transport::DeviceUri;
use crate::transport::Scheme;
use crate::transport::parse_size;

/// What the command line and the environment ask for.
#[derive(Debug, Parser)]
#[command(disable_version_flag = true)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) libtest: libtest_mimic::Arguments,

    /// More filters: a test runs if any of them matches
    #[arg(value_name = "FILTERS")]
    pub(crate) more_filters: Vec<String>,

    /// The device to test; several run one after the other (or NVMETEST_DEVICE, separated by spaces)
    #[arg(long = "device", value_name = "URI", help_heading = "nvmetest")]
    pub(crate) devices: Vec<DeviceUri>,

    /// Run the tests in a random order, of which the seed is printed
    #[arg(long, value_name = "SEED", num_args = 0..=1, require_equals = true)]
    #[arg(help_heading = "nvmetest")]
    pub(crate) shuffle: Option<Option<u64>>,

    /// Choose the seed of everything that is random in a run
    #[arg(long, value_name = "SEED", help_heading = "nvmetest")]
    pub(crate) seed: Option<u64>,

    /// The failures that are known (TOML); repeatable
    #[arg(long, value_name = "FILE", help_heading = "nvmetest")]
    pub(crate) baseline: Vec<PathBuf>,

    /// Where a failing test leaves its folder [default: nvmetest in the target directory]
    #[arg(long, value_name = "DIR", help_heading = "nvmetest")]
    pub(crate) evidence: Option<PathBuf>,

    /// Keep the command log in a new file, which survives the process however it ends
    #[arg(long, value_name = "FILE", help_heading = "nvmetest")]
    pub(crate) cmdlog: Option<PathBuf>,

    /// How much memory the tests of a device may lend to it
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = memory)]
    #[arg(help_heading = "nvmetest")]
    pub(crate) memory: usize,

    /// Whether that memory is in huge pages, for drives over VFIO: `auto` (if the kernel has enough), `always`, `never`
    #[arg(long, value_name = "WHEN", default_value = "auto", value_parser = huge_pages)]
    #[arg(help_heading = "nvmetest")]
    pub(crate) huge_pages: HugePages,

    /// Verify the data of all namespaces in all tests (or NVMETEST_VERIFY=1)
    #[arg(long, help_heading = "nvmetest")]
    pub(crate) verify: bool,

    /// How long a test may take that does not say it itself
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    #[arg(help_heading = "nvmetest")]
    pub(crate) timeout: Duration,

    /// How long after its timeout a test that does not come back ends the process
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    #[arg(help_heading = "nvmetest")]
    pub(crate) grace: Duration,
}

/// Why there is nothing to run.
#[derive(Debug)]
pub(crate) enum Stop {
    /// All was said.
    Exit(ExitCode),
    /// The run cannot begin.
    Setup(SetupError),
}

impl<E: Into<SetupError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Setup(error.into())
    }
}

impl Options {
    /// Reads `arguments`, of which the first is the name of the program.
    pub(crate) fn parse(
        arguments: impl IntoIterator<Item = OsString>,
        schemes: &[&dyn Scheme],
    ) -> Result<Self, Stop> {
        let command =
            Self::command().help_template("{usage-heading} {usage}\n\n{all-args}{after-help}");
        let command = command.after_help(devices_help(schemes));
        let matches = command.try_get_matches_from(arguments);
        match matches.and_then(|matches| Self::from_arg_matches(&matches)) {
            Ok(mut options) => {
                options.devices_from_environment()?;
                options.verify |=
                    is_verified_by(&env::var_os("NVMETEST_VERIFY").unwrap_or_default())?;
                Ok(options)
            }
            Err(error) if error.kind() == ErrorKind::DisplayHelp => {
                // A reader that does not want the help is no reason to fail.
                let _ = error.print();
                Err(Stop::Exit(ExitCode::SUCCESS))
            }
            Err(error) => Err(SetupError::usage(&error).into()),
        }
    }

    /// Returns the seed that was chosen, if one was.
    pub(crate) fn chosen_seed(&self) -> Result<Option<u64>, SetupError> {
        match (self.seed, self.shuffle.flatten()) {
            (Some(seed), Some(shuffle)) if seed != shuffle => Err(SetupError::new(format!(
                "the seed is {seed} by `--seed` and {shuffle} by `--shuffle`; give it once"
            ))),
            (seed, shuffle) => Ok(seed.or(shuffle)),
        }
    }

    fn devices_from_environment(&mut self) -> Result<(), SetupError> {
        if self.devices.is_empty() {
            let devices = env::var("NVMETEST_DEVICE").unwrap_or_default();
            let devices: Result<_, _> = devices.split_whitespace().map(str::parse).collect();
            self.devices = devices?;
        }
        if self.devices.is_empty() {
            self.devices = vec!["soft:".parse()?];
        }
        for (index, device) in self.devices.iter().enumerate() {
            if self.devices[..index].contains(device) {
                return Err(SetupError::new(format!(
                    "the device {device} is given twice; give it once"
                )));
            }
        }
        Ok(())
    }
}

/// Returns what NVMETEST_VERIFY asks for.
fn is_verified_by(value: &OsStr) -> Result<bool, SetupError> {
    match value.to_str() {
        Some("" | "0") => Ok(false),
        Some("1") => Ok(true),
        _ => Err(SetupError::new(format!(
            "NVMETEST_VERIFY is `{}`; give 1 or 0",
            value.to_string_lossy()
        ))),
    }
}

/// Returns the scheme of `device`.
pub(crate) fn scheme<'s>(
    schemes: &[&'s dyn Scheme],
    device: &DeviceUri,
) -> Result<&'s dyn Scheme, SetupError> {
    let found = schemes.iter().find(|scheme| scheme.name() == device.scheme());
    found.copied().ok_or_else(|| {
        let known: Vec<String> =
            schemes.iter().map(|scheme| format!("`{}:`", scheme.name())).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let unknown = device.scheme();
        SetupError::new(format!("there is no device scheme `{unknown}:`; this suite knows {known}"))
    })
}

fn devices_help(schemes: &[&dyn Scheme]) -> String {
    let mut help = "Devices:\n".to_owned();
    for scheme in schemes {
        help += &format!("  {}\n", scheme.summary());
    }
    help + "\nTests run one at a time, whatever --test-threads says: a controller is one."
}

fn huge_pages(text: &str) -> Result<HugePages, String> {
    match text {
        "auto" => Ok(HugePages::Auto),
        "always" => Ok(HugePages::Always),
        "never" => Ok(HugePages::Never),
        _ => Err("it is `auto`, `always` or `never`".to_owned()),
    }
}

pub(crate) fn memory(text: &str) -> Result<usize, String> {
    const LEAST: usize = 32 << 20;
    let bytes = parse_size(text).and_then(|bytes| usize::try_from(bytes).ok());
    bytes
        .filter(|bytes| LEAST <= *bytes && bytes.is_multiple_of(PAGE_SIZE))
        .ok_or_else(|| "give a size such as `64MiB` or `1GiB`, 32 MiB at the least".to_owned())
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "give seconds, such as 60 or 0.5".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        let all = std::iter::once("suite").chain(arguments.iter().copied()).map(OsString::from);
        Options::parse(all, &[]).map_err(|stop| match stop {
            Stop::Setup(error) => error.to_string(),
            Stop::Exit(_) => "exit".to_owned(),
        })
    }

    #[test]
    fn the_command_is_well_formed() {
        Options::command().debug_assert();
    }

    #[test]
    fn options_of_both_kinds_and_several_filters_are_read() {
        let options =
            parse(&["io::", "--device", "soft:", "admin::", "--exact", "--shuffle=7", "reset"])
                .unwrap();
        assert_eq!(options.libtest.filter.as_deref(), Some("io::"));
        assert_eq!(options.more_filters, ["admin::", "reset"]);
        assert!(options.libtest.exact);
        assert_eq!(options.chosen_seed().unwrap(), Some(7));
        assert!(!options.verify);

        // Without `=`, what follows is a filter.
        let options = parse(&["--shuffle", "7"]).unwrap();
        assert_eq!((options.shuffle, options.libtest.filter.as_deref()), (Some(None), Some("7")));
    }

    #[test]
    fn a_mistake_is_one_sentence() {
        for (arguments, sentence) in [
            (
                &["--frobnicate"][..],
                "unexpected argument '--frobnicate' found; `--help` lists the options",
            ),
            (&["--device", "nvme0"], "it is not a device URI"),
            (
                &["--device", "soft:", "--device", "soft:"],
                "the device soft: is given twice; give it once",
            ),
            (&["--timeout", "soon"], "give seconds, such as 60 or 0.5"),
            (&["--timeout", "-1"], "'-1'"),
            (&["--seed", "x"], "invalid digit"),
        ] {
            let error = parse(arguments).unwrap_err();
            assert!(error.contains(sentence), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
