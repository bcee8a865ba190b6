//! The suites' test target: building it, and running it on one device.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use anyhow::ensure;
use xshell::Shell;
use xshell::cmd;

/// Where the known failures of the devices are, one file a scheme.
pub const BASELINES: &str = "suites/baselines";

/// The runner's exit code if it was killed and has none.
const KILLED: u8 = 1;

/// The test target of the suites, built.
pub struct Suites {
    executable: PathBuf,
    baselines: PathBuf,
}

impl Suites {
    /// Builds the suites.
    pub fn build(release: bool) -> anyhow::Result<Self> {
        let root = root();
        let sh = Shell::new()?;
        sh.change_dir(root);
        let release = release.then_some("--release");
        let build = cmd!(
            sh,
            "cargo test --package nvmetest-suites --test nvme {release...} --no-run --message-format json-render-diagnostics"
        );
        let messages = build.quiet().read().context("the suites do not build")?;
        let executable = executable(&messages, "nvme", true)
            .context("cargo did not say where the built suites are")?;
        Ok(Self { executable, baselines: root.join(BASELINES) })
    }

    /// Becomes the runner on one device: who ends this process ends the run.
    ///
    /// Returns only if that fails.
    pub fn become_runner(&self, device: &str, arguments: &[OsString]) -> anyhow::Error {
        let error = self.runner(device, arguments).exec();
        anyhow::Error::new(error).context(format!("{} does not start", self.executable.display()))
    }

    /// Runs the tests on one device. Returns the runner's exit code.
    pub fn run(&self, device: &str, arguments: &[OsString]) -> anyhow::Result<u8> {
        let status = self.runner(device, arguments).status();
        let status =
            status.with_context(|| format!("{} does not start", self.executable.display()))?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        if code.is_none() {
            eprintln!("xtask: the runner ended with {status}");
        }
        Ok(code.unwrap_or(KILLED))
    }

    fn runner(&self, device: &str, arguments: &[OsString]) -> Command {
        let mut command = Command::new(&self.executable);
        command.arg("--device").arg(device);
        if let Some(baseline) = baseline(&self.baselines, device) {
            command.arg("--baseline").arg(baseline);
        }
        command.args(arguments);
        command
    }

    /// Runs all tests on one device, and fails unless all is as it should be.
    pub fn check(&self, device: &str) -> anyhow::Result<()> {
        self.check_some(device, &[])
    }

    /// As [`check`](Self::check), the tests whose names contain one of `filters`.
    pub fn check_some(&self, device: &str, filters: &[OsString]) -> anyhow::Result<()> {
        let code = self.run(device, filters)?;
        ensure!(code == 0, "the suites on {device} end with exit code {code}; see above");
        Ok(())
    }
}

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

/// The known failures of the devices of a scheme, if there are any.
pub fn baseline(folder: &Path, device: &str) -> Option<PathBuf> {
    let (scheme, _) = device.split_once(':')?;
    // A scheme is one word; anything else is for the runner to refuse, and names no file.
    let word = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let path = folder.join(format!("{scheme}.toml"));
    (word && path.is_file()).then_some(path)
}

/// Finds the executable of a target in cargo's messages.
pub fn executable(messages: &str, name: &str, is_test: bool) -> Option<PathBuf> {
    let message = |line| serde_json::from_str::<serde_json::Value>(line).ok();
    let mut found = messages.lines().filter_map(message).filter_map(|message| {
        let is_it = message["target"]["name"] == name && message["profile"]["test"] == is_test;
        message["executable"].as_str().filter(|_| is_it).map(PathBuf::from)
    });
    found.next_back()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_baseline_of_a_device_is_that_of_its_scheme() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("qemu.toml");
        fs::write(&file, "").unwrap();
        fs::write(folder.path().join("x.toml"), "").unwrap();

        assert_eq!(baseline(folder.path(), "qemu:"), Some(file.clone()));
        assert_eq!(baseline(folder.path(), "qemu:ns=2,lba=4096"), Some(file));
        assert_eq!(baseline(folder.path(), "soft:"), None);
        assert_eq!(baseline(folder.path(), "qemu"), None);
        assert_eq!(baseline(&folder.path().join("none"), "../x:"), None);
        assert_eq!(baseline(folder.path(), "./x:"), None);
    }

    #[test]
    fn the_executable_is_found_among_the_messages() {
        let messages = r#"
            {"reason":"compiler-artifact","target":{"name":"serde"},"profile":{"test":false},"executable":null}
            {"reason":"compiler-artifact","target":{"name":"nvme"},"profile":{"test":true},"executable":"/t/nvme-1"}
            {"reason":"compiler-artifact","target":{"name":"soft"},"profile":{"test":true},"executable":"/t/soft-2"}
            {"reason":"build-finished","success":true}
        "#;
        assert_eq!(executable(messages, "nvme", true), Some(PathBuf::from("/t/nvme-1")));
        assert_eq!(executable(messages, "nvme", false), None);
    }
}
