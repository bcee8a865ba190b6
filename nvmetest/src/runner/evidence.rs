//! What a failing test leaves for its reader.

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use super::shuffle;
use super::source;
use super::verdict::Finding;
use crate::Controller;
use crate::transport::DeviceUri;

/// The file that marks a folder as ours.
const FAILURE: &str = "failure.txt";

/// The folder with a folder for each test that failed.
#[derive(Debug)]
pub(crate) struct Evidence {
    root: PathBuf,
    /// Whether the run verifies the data of all namespaces.
    verify: bool,
}

impl Evidence {
    /// Takes `chosen`, or a folder in the target directory that this executable was built in, or else one
    /// for temporary files. It is made when a test fails.
    pub(crate) fn new(chosen: Option<PathBuf>, verify: bool) -> Self {
        let mut root = chosen.unwrap_or_else(|| {
            let executable = env::current_exe().unwrap_or_default();
            match executable.ancestors().find(|folder| folder.ends_with("target")) {
                Some(target) => target.join("nvmetest"),
                None => env::temp_dir().join(format!("nvmetest-{}", std::process::id())),
            }
        });
        // The processes of one nextest run put their evidence together.
        if let Ok(run) = env::var("NEXTEST_RUN_ID") {
            root.push(plain(&run));
        }
        Self { root: std::path::absolute(&root).unwrap_or(root), verify }
    }

    /// Removes what an earlier run left of `test`.
    pub(crate) fn clear(&self, test: &str) {
        let folder = self.folder(test);
        if folder.join(FAILURE).is_file() {
            // What is left is overwritten by the next failure.
            let _ = fs::remove_dir_all(folder);
        }
    }

    /// Writes what is known of a failure, and returns the folder.
    pub(crate) fn write(
        &self,
        test: &str,
        device: &DeviceUri,
        finding: &Finding,
        nvme: Option<&Controller>,
    ) -> io::Result<PathBuf> {
        let folder = self.folder(test);
        leave(&folder, test, device, finding, &self.rerun(test, device))?;
        if let Some(nvme) = nvme {
            nvme.evidence(&folder)?;
        }
        Ok(folder)
    }

    /// Returns the command that runs exactly `test` again.
    pub(crate) fn rerun(&self, test: &str, device: &DeviceUri) -> String {
        // The device is no part of the name where there is only one.
        let test = test.split_once('@').map_or(test, |(test, _device)| test);
        rerun(&[], test, device, self.verify)
    }

    fn folder(&self, test: &str) -> PathBuf {
        self.root.join(plain(&test.replace("::", ".")))
    }
}

/// Writes into `folder` what became of `test`, and how it is seen again.
pub(crate) fn leave(
    folder: &Path,
    test: &str,
    device: &DeviceUri,
    finding: &Finding,
    rerun: &str,
) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let Finding { verdict, message } = finding;
    let seed = shuffle::seed();
    let text =
        format!("test: {test}\ndevice: {device}\nverdict: {verdict}\nseed: {seed}\n\n{message}\n");
    fs::write(folder.join(FAILURE), text)?;
    if let Some(listing) = source::listing(test, message) {
        fs::write(folder.join("source.txt"), listing)?;
    }
    fs::write(folder.join("rerun.txt"), format!("{rerun}\n"))
}

/// Returns the command that runs exactly `test` again: this program, told by `words` to be the runner.
pub(crate) fn rerun(words: &[String], test: &str, device: &DeviceUri, verify: bool) -> String {
    let folder = env::current_dir().unwrap_or_default();
    let executable = env::current_exe().unwrap_or_else(|_| Path::new("nvme").to_owned());
    let words: String = words.iter().map(|word| format!(" {}", quoted(word))).collect();
    format!(
        "cd {} && {}{words} --device {} --seed {}{} --include-ignored --exact {}",
        quoted(&folder.to_string_lossy()),
        quoted(&executable.to_string_lossy()),
        quoted(&device.to_string()),
        shuffle::seed(),
        if verify { " --verify" } else { "" },
        quoted(test),
    )
}

/// Makes one word of `text` for a shell.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:=,._-+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Makes a file name of `text`.
pub(crate) fn plain(text: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || "._-@=,".contains(c) { c } else { '_' };
    text.chars().map(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::Verdict;

    #[test]
    fn a_failure_leaves_its_reason_and_the_command_to_see_it_again() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let evidence = Evidence { root: folder.path().to_owned(), verify: false };
        let device: DeviceUri = "soft:lba=4096".parse().unwrap();
        let finding = Finding::new(Verdict::Fail, "the block differs");

        let left = evidence.write("io::reads@soft:lba=4096", &device, &finding, None)?;

        assert_eq!(left, folder.path().join("io.reads@soft_lba=4096"));
        let failure = fs::read_to_string(left.join(FAILURE))?;
        assert!(failure.contains("verdict: Fail\n"), "{failure}");
        assert!(failure.ends_with("\n\nthe block differs\n"), "{failure}");
        let rerun = fs::read_to_string(left.join("rerun.txt"))?;
        assert!(rerun.contains(" --device soft:lba=4096 "), "{rerun}");
        assert!(rerun.ends_with(" --exact io::reads\n"), "{rerun}");

        evidence.clear("io::reads@soft:lba=4096");
        assert!(!left.exists());
        Ok(())
    }

    #[test]
    fn a_folder_that_is_not_evidence_is_not_removed() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let evidence = Evidence { root: folder.path().to_owned(), verify: false };
        fs::create_dir(folder.path().join("home"))?;
        evidence.clear("home");
        assert!(folder.path().join("home").is_dir());
        Ok(())
    }

    #[test]
    fn a_shell_reads_a_quoted_word_as_it_was() {
        assert_eq!(quoted("soft:size=1GiB,lba=512"), "soft:size=1GiB,lba=512");
        assert_eq!(quoted("a b's"), r"'a b'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
