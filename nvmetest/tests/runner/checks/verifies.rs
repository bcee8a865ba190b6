//! Runs of which all data is verified.

use std::fs;
use std::io;
use std::process::Command;

use libtest_mimic::Failed;
use tempfile::TempDir;

use super::command;
use crate::AS_SUITE;

pub fn data_is_verified_if_that_is_asked_for_and_after_a_device_was_lost() -> Result<(), Failed> {
    let said = |verify: &[&str], variable: &str| -> io::Result<(Vec<String>, TempDir)> {
        let folder = TempDir::new()?;
        let mut command = command(&["verifies::", "--device", "fake:", "--evidence"]);
        command.arg(folder.path()).args(verify).env("NVMETEST_VERIFY", variable).output()?;
        let read = |test| fs::read_to_string(folder.path().join(test).join("failure.txt"));
        let tests = ["verifies.says_so", "verifies.says_so_again"];
        let said = tests.map(|test| Ok(read(test)?.lines().last().unwrap_or_default().to_owned()));
        Ok((said.into_iter().collect::<io::Result<_>>()?, folder))
    };
    for (option, variable, is_verified) in
        [(&[][..], "", false), (&[], "0", false), (&["--verify"], "", true), (&[], "1", true)]
    {
        let (said, folder) = said(option, variable)?;
        let expected = format!("verified: {is_verified}");
        assert_eq!(said, [expected.clone(), expected.clone()], "{option:?} {variable:?}");

        // The command that repeats a test has it done again.
        let rerun = folder.path().join("verifies.says_so/rerun.txt");
        let rerun = Command::new("sh")
            .arg("-c")
            .arg(
                fs::read_to_string(rerun)?.trim_end().to_owned()
                    + " --evidence "
                    + &folder.path().to_string_lossy(),
            )
            .env(AS_SUITE, "1")
            .env_remove("NVMETEST_VERIFY")
            .output()?;
        let stdout = String::from_utf8_lossy(&rerun.stdout);
        assert!(stdout.contains(&expected), "{stdout}");
    }
    Ok(())
}
