//! A copy of the project, to break.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;
use xshell::Shell;
use xshell::cmd;

use crate::suites::root;

/// The project in another place, as it stands now.
pub struct Copy {
    folder: tempfile::TempDir,
}

impl Copy {
    /// Copies what Git knows of the project, and what it would.
    pub fn make() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let sh = Shell::new()?;
        sh.change_dir(root());
        let files = cmd!(sh, "git ls-files --cached --others --exclude-standard").quiet().read()?;
        for file in files.lines() {
            let (from, to) = (root().join(file), folder.path().join(file));
            // Git lists what was deleted and not committed, too.
            if !from.is_file() {
                continue;
            }
            fs::create_dir_all(to.parent().expect("a file is in a folder"))?;
            fs::copy(&from, &to).with_context(|| format!("{file} cannot be copied"))?;
        }
        Ok(Self { folder })
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Where it is built: of all that is built there, only the project's own crates depend on its place.
    pub fn target(&self) -> PathBuf {
        root().join("target/guards")
    }

    pub fn read(&self, file: &str) -> anyhow::Result<String> {
        let path = self.root().join(file);
        fs::read_to_string(path).with_context(|| format!("there is no {file}"))
    }

    pub fn write(&self, file: &str, text: &str) -> anyhow::Result<()> {
        Ok(fs::write(self.root().join(file), text)?)
    }
}
