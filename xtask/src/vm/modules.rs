//! The modules of a kernel, in the order in which they can be loaded.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;
use anyhow::bail;
use xshell::Shell;
use xshell::cmd;

/// A module, as the kernel loads it.
#[derive(Debug, PartialEq, Eq)]
pub struct Module {
    pub name: String,
    pub content: Vec<u8>,
}

/// Returns `wanted` and what they depend on, in the order in which they have to be loaded.
///
/// What is built into the kernel is left out. A package has no list of dependencies: the modules are asked.
///
/// # Errors
///
/// Fails if the kernel has no such module.
pub fn load_order(folder: &Path, wanted: &[&str]) -> anyhow::Result<Vec<Module>> {
    let mut files = BTreeMap::new();
    collect(&folder.join("kernel"), &mut files)?;
    let built_in = fs::read_to_string(folder.join("modules.builtin")).unwrap_or_default();
    let built_in = built_in.lines().filter_map(|line| name(Path::new(line))).collect();
    let mut order = Order { files, built_in, modules: Vec::new() };
    for module in wanted {
        order.add(module).with_context(|| format!("the kernel in {}", folder.display()))?;
    }
    Ok(order.modules)
}

struct Order {
    files: BTreeMap<String, PathBuf>,
    built_in: Vec<String>,
    modules: Vec<Module>,
}

impl Order {
    fn add(&mut self, module: &str) -> anyhow::Result<()> {
        let is_there = self.modules.iter().any(|it| it.name == module);
        if is_there || self.built_in.iter().any(|name| name == module) {
            return Ok(());
        }
        // Taken out: modules that depend on each other would have no end.
        let Some(file) = self.files.remove(module) else { bail!("has no module {module}") };
        let content = read(&file)?;
        for needed in depends(&content).split(',').filter(|name| !name.is_empty()) {
            self.add(&needed.replace('-', "_"))?;
        }
        self.modules.push(Module { name: module.to_owned(), content });
        Ok(())
    }
}

fn collect(folder: &Path, files: &mut BTreeMap<String, PathBuf>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else if let Some(name) = name(&entry.path()) {
            files.insert(name, entry.path());
        }
    }
    Ok(())
}

/// Returns the name of the module in a file, as the kernel says it.
fn name(file: &Path) -> Option<String> {
    let (name, _) = file.file_name()?.to_str()?.split_once(".ko")?;
    Some(name.replace('-', "_"))
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let program = match file.extension().and_then(|it| it.to_str()) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        Some("gz") => "gzip",
        _ => return fs::read(file).with_context(|| file.display().to_string()),
    };
    let sh = Shell::new()?;
    let output = cmd!(sh, "{program} --decompress --stdout --quiet {file}").quiet().output();
    Ok(output.with_context(|| format!("{} cannot be decompressed", file.display()))?.stdout)
}

/// Returns what a module says it depends on, with commas between.
fn depends(module: &[u8]) -> String {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|bytes| bytes == KEY) else {
        return String::new();
    };
    let value = module[at + KEY.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(value).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(modules: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (file, depends) in modules {
            let file = folder.path().join("kernel").join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, format!("ELF\0license=GPL\0depends={depends}\0rest")).unwrap();
        }
        fs::write(folder.path().join("modules.builtin"), "kernel/drivers/nvme/nvme-core.ko\n")
            .unwrap();
        folder
    }

    fn names(folder: &Path, wanted: &[&str]) -> Vec<String> {
        load_order(folder, wanted).unwrap().into_iter().map(|module| module.name).collect()
    }

    #[test]
    fn what_a_module_needs_is_loaded_before_it_and_once() {
        let folder = tree(&[
            ("vfio/vfio.ko", ""),
            ("vfio/pci/vfio-pci.ko", "vfio-pci-core,vfio"),
            ("vfio/pci/vfio-pci-core.ko", "vfio,irqbypass"),
            ("virt/irqbypass.ko", ""),
            ("nvme/nvme.ko", "nvme-core"),
        ]);
        let order = names(folder.path(), &["vfio_pci", "vfio", "nvme"]);
        assert_eq!(order, ["vfio", "irqbypass", "vfio_pci_core", "vfio_pci", "nvme"]);
    }

    #[test]
    fn a_module_that_is_missing_is_named() {
        let folder = tree(&[("a.ko", "b")]);
        let error = format!("{:#}", load_order(folder.path(), &["a"]).unwrap_err());
        assert!(error.contains("has no module b"), "{error}");
    }

    #[test]
    fn modules_that_need_each_other_are_an_error() {
        let folder = tree(&[("a.ko", "b"), ("b.ko", "a")]);
        assert!(load_order(folder.path(), &["a"]).is_err());
    }
}
