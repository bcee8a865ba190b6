//! The evidence of joined results.

use std::collections::HashMap;
use std::fs;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

use super::error::MergeError;

/// Where evidence comes together.
#[derive(Debug)]
pub(super) struct Gathered {
    folder: PathBuf,
    /// Which input each folder is of.
    owners: HashMap<PathBuf, usize>,
    /// How many folders were named and not there.
    pub(super) lost: usize,
}

impl Gathered {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), owners: HashMap::new(), lost: 0 }
    }

    /// Copies a folder of evidence below `from`, which is that of the input with this index. Returns its path below the folder
    /// of the joined results; none, if it is not there.
    pub(super) fn take(
        &mut self,
        from: &Path,
        input: usize,
        path: &str,
    ) -> Result<Option<String>, MergeError> {
        let path = Path::new(path);
        let normal = |part: Component<'_>| matches!(part, Component::Normal(_));
        if path.as_os_str().is_empty() || !path.components().all(normal) {
            return Err(MergeError::Refused(format!(
                "{}: the evidence `{}` is not below the folder of its run",
                from.display(),
                path.display()
            )));
        }
        let source = from.join(path);
        if !source.is_dir() {
            self.lost += 1;
            return Ok(None);
        }
        let mut target = path.to_owned();
        if *self.owners.entry(target.clone()).or_insert(input) != input {
            target = Path::new("evidence").join(format!("run-{}", input + 1)).join(path);
            self.owners.insert(target.clone(), input);
        }
        copy(&source, &self.folder.join(&target))?;
        Ok(Some(target.display().to_string()))
    }
}

/// Copies files and folders; a link could lead anywhere, and is left out.
fn copy(source: &Path, target: &Path) -> Result<(), MergeError> {
    fs::create_dir_all(target).map_err(MergeError::file(target))?;
    for entry in fs::read_dir(source).map_err(MergeError::file(source))? {
        let entry = entry.map_err(MergeError::file(source))?;
        let (from, to) = (entry.path(), target.join(entry.file_name()));
        let kind = entry.file_type().map_err(MergeError::file(&from))?;
        if kind.is_dir() {
            copy(&from, &to)?;
        } else if kind.is_file() {
            fs::copy(&from, &to).map_err(MergeError::file(&to))?;
        }
    }
    Ok(())
}
