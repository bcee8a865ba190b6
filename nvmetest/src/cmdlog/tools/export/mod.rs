//! `export`: the log for another program.

mod capture;
mod chrome;
mod frame;
mod pcapng;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::ValueEnum;

pub use capture::write_capture;
pub use chrome::write_chrome_trace;

use super::Filter;
use super::Input;
use super::ToolError;
use super::output;
use super::show;

/// What `cmdlog export` is told.
#[derive(Args, Debug)]
pub struct Export {
    /// The command log, or a folder that has one
    #[arg(value_name = "LOG")]
    pub log: PathBuf,
    /// For which program
    #[arg(long, value_name = "FORMAT")]
    pub format: Format,
    /// The file to write [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Which commands
    #[command(flatten)]
    pub filter: Filter,
}

/// What an export is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// JSON lines, as in an evidence folder: for programs of one's own
    Jsonl,
    /// The trace events of Chrome: for ui.perfetto.dev and chrome://tracing
    Chrome,
    /// A capture (pcapng): for Wireshark, which shows it as NVMe/TCP
    Pcap,
}

impl Export {
    pub(super) fn run(self) -> Result<ExitCode, ToolError> {
        let Self { log, format, output, filter } = self;
        let mut input = Input::open(&log)?;
        let is_text = format != Format::Pcap;
        output::write(output.as_deref(), &mut input, is_text, |input, output| {
            if format == Format::Jsonl {
                return show::write_json(input, &filter, output);
            }
            let head = input.head().clone();
            let records = filter.select(input);
            match format {
                Format::Pcap => write_capture(&head, records, output),
                _ => write_chrome_trace(&head, records, output),
            }
        })?;
        input.print_note();
        Ok(ExitCode::SUCCESS)
    }
}
