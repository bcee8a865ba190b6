//! Tests that one QEMU does not outlast, and a newer one does.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// A test that the QEMU which is installed may not outlast. It runs in a guest of its own, by the newest of Debian's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash {
    pub test: &'static str,
    pub why: &'static str,
}

/// Seen with QEMU 10.0.2, and not with 11.1.2.
pub const CRASHES: [Crash; 1] = [Crash {
    test: "reset::a_reset_under_load_ends_all_commands",
    why: "QEMU 10's drive goes on with commands of queues that a reset has ended, and QEMU ends by SIGSEGV",
}];

/// The tests that a command line means, as far as they are to run elsewhere, and how many others it means.
///
/// The runner itself is asked. What it refuses it says again in the guest.
pub fn meant(runner: &Path, arguments: &[&OsString]) -> (Vec<Crash>, usize) {
    let output = Command::new(runner).args(arguments).arg("--list").output();
    let said = output.map(|output| output.stdout).unwrap_or_default();
    sort(&String::from_utf8_lossy(&said))
}

fn sort(list: &str) -> (Vec<Crash>, usize) {
    let tests: Vec<&str> = list.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    let crashes: Vec<Crash> =
        CRASHES.into_iter().filter(|crash| tests.contains(&crash.test)).collect();
    let others = tests.len() - crashes.len();
    (crashes, others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_line_means_is_what_the_runner_lists() {
        let [crash] = CRASHES;
        let list = format!("reset::it_works: test\n{}: test\nread::one: test\n", crash.test);
        assert_eq!(sort(&list), (vec![crash], 2));
        assert_eq!(sort(&format!("{}: test\n", crash.test)), (vec![crash], 0));
        assert_eq!(sort("reset::it_works: test\n"), (vec![], 1));
        assert_eq!(sort("no test has such a name\n"), (vec![], 0));
    }
}
