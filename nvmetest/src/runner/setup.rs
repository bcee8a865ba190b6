//! Why a run cannot begin.

use crate::qualify::profile::ProfileError;
use crate::qualify::shard::ShardError;
use crate::report::ReportError;
use crate::results::ResultsError;
use crate::transport::OpenError;

/// Why a run cannot begin: one sentence for the person at the keyboard. The exit code is 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct SetupError(String);

impl SetupError {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// What is wrong with a command line: the first paragraph of what clap says, on one line.
    pub(crate) fn usage(error: &clap::Error) -> Self {
        let text = error.to_string();
        let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
        let sentence = lines.collect::<Vec<_>>().join(" ");
        Self(format!("{}; `--help` lists the options", sentence.trim_start_matches("error: ")))
    }
}

impl From<ProfileError> for SetupError {
    fn from(error: ProfileError) -> Self {
        Self(error.to_string())
    }
}

impl From<ShardError> for SetupError {
    fn from(error: ShardError) -> Self {
        Self(error.to_string())
    }
}

impl From<ResultsError> for SetupError {
    fn from(error: ResultsError) -> Self {
        Self(error.to_string())
    }
}

impl From<ReportError> for SetupError {
    fn from(error: ReportError) -> Self {
        Self(error.to_string())
    }
}

impl From<OpenError> for SetupError {
    fn from(error: OpenError) -> Self {
        Self(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_on_the_command_line_is_named_on_one_line() {
        let command = clap::Command::new("merge")
            .arg(clap::Arg::new("out").long("out").required(true))
            .arg(clap::Arg::new("RUN").required(true));
        let error = command.try_get_matches_from(["merge"]).unwrap_err();
        assert_eq!(
            SetupError::usage(&error).to_string(),
            "the following required arguments were not provided: --out <out> <RUN>; `--help` lists the options"
        );
    }
}
