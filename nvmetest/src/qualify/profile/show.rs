//! `profile`: which profiles there are, and what one of them makes of the tests of this program.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;

use super::Listed;
use super::Profile;
use super::ProfileError;
use super::SHIPPED;
use super::Why;

/// List the profiles, or check one against the tests of this program
#[derive(Debug, Clone, Args)]
pub struct Show {
    /// The name of a profile or the path of its file; what it names has to be there
    #[arg(value_name = "PROFILE")]
    profile: Option<String>,
}

impl Show {
    /// Does it, for a program with these tests.
    ///
    /// # Errors
    ///
    /// Fails if the profile is none, or names what no test has.
    pub fn run(self, tests: &[Listed]) -> Result<ExitCode, ProfileError> {
        match self.profile {
            None => print!("{}", list()),
            Some(name) => {
                let profile = Profile::load_strictly(&name, tests)?;
                println!("{}", summary(&profile, tests));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Returns a line for each profile that is shipped.
pub fn list() -> String {
    let mut text = String::new();
    for shipped in SHIPPED {
        // A string takes all that is written to it.
        let _ = writeln!(text, "{:<11} {}", shipped.name, shipped.title());
    }
    text
}

fn summary(profile: &Profile, tests: &[Listed]) -> String {
    let selected = tests.iter().filter(|test| profile.selects(test).is_ok()).count();
    let ignored =
        tests.iter().filter(|test| matches!(profile.selects(test), Err(Why::Ignored(_)))).count();
    format!(
        "{}: {}\n{selected} of {} tests run, and {ignored} are ignored for a reason that it does not name\nareas: {}",
        profile.name,
        profile.title,
        tests.len(),
        profile.areas(tests).join(", ")
    )
}
