//! `target/vm`: what was fetched, and what a run leaves.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;

use crate::suites::root;

/// Returns `target/vm/NAME`, which may not exist.
pub fn path(name: &str) -> PathBuf {
    root().join("target/vm").join(name)
}

/// Returns the folder `target/vm/NAME`, which is made by `make` unless it is there.
///
/// A folder that is there is complete: it is made under another name, and gets its own when `make` is through.
pub fn provide(
    name: &str,
    make: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    provide_at(path(name), make)
}

fn provide_at(
    folder: PathBuf,
    make: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    if folder.is_dir() {
        return Ok(folder);
    }
    let parent = folder.parent().context("a folder is in a folder")?;
    fs::create_dir_all(parent)?;
    let unfinished = tempfile::Builder::new().prefix(".unfinished-").tempdir_in(parent)?;
    make(unfinished.path())?;
    match fs::rename(unfinished.path(), &folder) {
        Ok(()) => {
            // It has another name now, and there is nothing to remove.
            let _ = unfinished.keep();
        }
        // Somebody else was faster.
        Err(_) if folder.is_dir() => {}
        Err(error) => return Err(error).with_context(|| folder.display().to_string()),
    }
    Ok(folder)
}

/// Returns the folder `target/vm/NAME`, empty.
pub fn empty(name: &str) -> anyhow::Result<PathBuf> {
    let folder = path(name);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("{} cannot be emptied", folder.display()));
        }
        _ => {}
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn what_could_not_be_made_is_made_again() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("kernel/stable");
        let broken = provide_at(folder.clone(), |unfinished| {
            fs::write(unfinished.join("vmlinuz"), "half")?;
            bail!("the download ended early")
        });
        assert!(broken.is_err());
        assert_eq!(fs::read_dir(parent.path().join("kernel")).unwrap().count(), 0);

        let make = |unfinished: &Path| Ok(fs::write(unfinished.join("vmlinuz"), "whole")?);
        provide_at(folder.clone(), make).unwrap();
        assert_eq!(fs::read_to_string(folder.join("vmlinuz")).unwrap(), "whole");
    }

    #[test]
    fn what_is_there_is_not_made_again() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("there");
        fs::create_dir(&folder).unwrap();
        provide_at(folder, |_| bail!("it was made again")).unwrap();
    }
}
