//! Debian packages, by the machine's own apt sources, without touching what is installed.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;
use anyhow::ensure;
use xshell::Shell;
use xshell::cmd;

use super::store;

/// Where Debian keeps the keys of all its suites.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What is read of the sources that are configured: the suite, as the sources name it, and where it is.
const TARGET: &str = "$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)";

/// A view of Debian's archive: the machine's own release, and a suite on top.
///
/// It has apt's folders for itself, and nothing counts as installed, so that what a package needs is all of it.
pub struct Archive {
    sh: Shell,
    folder: PathBuf,
    suite: String,
}

/// The name of a release, and the suite that is preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite<'a> {
    /// The release that the machine runs, with its updates.
    Own,
    /// Newer packages for the release that the machine runs.
    OwnBackports,
    /// A suite by its name, and another that has what it lacks.
    Named { suite: &'a str, base: &'a str },
}

impl Archive {
    /// Opens the archive, and asks for its lists unless they are there.
    ///
    /// # Errors
    ///
    /// Fails if this is no Debian, or the archive cannot be reached.
    pub fn open(suite: Suite<'_>) -> anyhow::Result<Self> {
        let sh = Shell::new()?;
        let sources = cmd!(sh, "apt-get indextargets --format {TARGET}").quiet().read();
        let sources = sources.context("packages are fetched by apt-get, and it does not run")?;
        let release = fs::read_to_string("/etc/os-release")?;
        let (sources, suite) = sources_for(suite, &sources, codename(&release)?)?;
        let keys = Path::new(KEYS).is_file().then(|| format!("[signed-by={KEYS}] "));
        let folder = store::path(&format!("apt/{suite}"));
        let archive = Self { sh, folder, suite };
        archive.prepare(&sources, &keys.unwrap_or_default())?;
        Ok(archive)
    }

    fn prepare(&self, sources: &[String], keys: &str) -> anyhow::Result<()> {
        let folder = &self.folder;
        for needed in ["lists/partial", "archives/partial"] {
            fs::create_dir_all(folder.join(needed))?;
        }
        let list: String =
            sources.iter().map(|source| format!("deb {keys}{source} main\n")).collect();
        let is_new = fs::read_to_string(folder.join("sources.list")).ok().as_ref() != Some(&list);
        fs::write(folder.join("status"), "")?;
        let sh = &self.sh;
        let machine = cmd!(sh, "apt-config dump Acquire").quiet().read()?;
        fs::write(folder.join("apt.conf"), configuration(&machine, folder))?;
        fs::write(folder.join("sources.list"), &list)?;
        if is_new && let Err(error) = self.update() {
            // Without it the next call asks again.
            fs::remove_file(folder.join("sources.list"))?;
            return Err(error);
        }
        Ok(())
    }

    /// Asks for the lists again.
    fn update(&self) -> anyhow::Result<()> {
        println!("vm: asking for the package lists of {}", self.suite);
        let output = self.apt("apt-get", &["-q", "-o", "APT::Update::Error-Mode=any", "update"])?;
        ensure!(!output.contains("NO_PUBKEY"), "apt has no key for {}", self.suite);
        Ok(())
    }

    /// Returns the names of the packages that have to be installed for `packages` to work, these included.
    pub fn needed_for(&self, packages: &[&str]) -> anyhow::Result<Vec<String>> {
        let simulate = ["install", "-y", "--no-install-recommends", "--print-uris", "-q"];
        let output = self.apt("apt-get", &[&simulate, packages].concat())?;
        Ok(names(&output))
    }

    /// Unpacks packages into `folder`. What apt downloads it compares with the signed lists.
    pub fn unpack(&self, packages: &[&str], folder: &Path) -> anyhow::Result<()> {
        println!("vm: fetching {} from {}", sum_up(packages), self.suite);
        let downloads = tempfile::tempdir_in(&self.folder)?;
        let sh = self.sh.clone();
        sh.change_dir(downloads.path());
        let download = || self.apt_in(&sh, "apt-get", &[&["-q", "download"], packages].concat());
        if download().is_err() {
            // The lists are from another day, and the package they name is gone.
            self.update()?;
            download()?;
        }
        let files = sh.read_dir(downloads.path())?;
        ensure!(files.len() == packages.len(), "apt-get has not downloaded all of {packages:?}");
        for file in files {
            cmd!(sh, "dpkg --extract {file} {folder}")
                .quiet()
                .run()
                .with_context(|| format!("{} cannot be unpacked", file.display()))?;
        }
        Ok(())
    }

    fn apt(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        self.apt_in(&self.sh, program, arguments)
    }

    fn apt_in(&self, sh: &Shell, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let suite = &self.suite;
        let command = cmd!(sh, "{program} --target-release {suite} {arguments...}");
        let command = command.env("APT_CONFIG", self.folder.join("apt.conf"));
        let output = command.quiet().ignore_status().output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaints = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "`{program} {}` in {suite} fails: {}",
            arguments.join(" "),
            complaints.trim()
        );
        Ok(said + &complaints)
    }
}

fn sum_up(packages: &[&str]) -> String {
    match packages {
        few if few.len() <= 4 => few.join(", "),
        many => format!("{} packages", many.len()),
    }
}

/// Makes apt's configuration: how the machine reaches an archive, and folders of our own.
fn configuration(machine: &str, folder: &Path) -> String {
    let mut text = String::new();
    let folder = folder.display();
    // What is downloaded beside packages, and translations, nobody needs here.
    let is_ours = |line: &&str| {
        !line.starts_with("Acquire::IndexTargets") && !line.starts_with("Acquire::Languages")
    };
    for line in machine.lines().filter(is_ours) {
        let _ = writeln!(text, "{line}");
    }
    for (name, path) in [
        ("Dir::State", ""),
        ("Dir::State::lists", "/lists"),
        ("Dir::State::status", "/status"),
        ("Dir::Cache", ""),
        ("Dir::Cache::archives", "/archives"),
        ("Dir::Etc::sourcelist", "/sources.list"),
    ] {
        let _ = writeln!(text, "{name} \"{folder}{path}\";");
    }
    text.push_str(
        "Dir::Etc::main \"/dev/null\";\n\
         Dir::Etc::parts \"/dev/null\";\n\
         Dir::Etc::sourceparts \"/dev/null\";\n\
         Dir::Etc::preferences \"/dev/null\";\n\
         Dir::Etc::preferencesparts \"/dev/null\";\n\
         Acquire::Languages \"none\";\n\
         APT::Architecture \"amd64\";\n\
         APT::Sandbox::User \"\";\n\
         APT::Get::Assume-Yes \"true\";\n\
         Debug::NoLocking \"true\";\n",
    );
    text
}

/// Returns the code name of the release that the machine runs.
fn codename(os_release: &str) -> anyhow::Result<&str> {
    let name = os_release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    name.map(|name| name.trim_matches('"')).context("/etc/os-release names no release of Debian")
}

/// Returns the sources of a view, each "ADDRESS SUITE", and the suite that is preferred.
///
/// `targets` are the machine's own, as [`TARGET`] has them.
fn sources_for(
    suite: Suite<'_>,
    targets: &str,
    codename: &str,
) -> anyhow::Result<(Vec<String>, String)> {
    let targets: Vec<(&str, &str)> = targets
        .lines()
        .filter_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["Packages", release, "main", address] => Some((release, address)),
            _ => None,
        })
        .collect();
    let own = targets.iter().find(|(release, _)| *release == codename);
    let (_, mirror) = own.with_context(|| {
        format!(
            "apt's sources name no archive of {codename}: a kernel can be given by its path (`--kernel PATH`)"
        )
    })?;
    let with_updates = || {
        let is_own = |release: &str| {
            let rest = release.strip_prefix(codename);
            rest.is_some_and(|rest| ["", "-updates", "-security"].contains(&rest))
        };
        let own = targets.iter().filter(|(release, _)| is_own(release));
        own.map(|(release, address)| format!("{address} {release}")).collect::<Vec<_>>()
    };
    Ok(match suite {
        Suite::Own => (with_updates(), codename.to_owned()),
        Suite::OwnBackports => {
            let backports = format!("{codename}-backports");
            let mut sources = with_updates();
            sources.push(format!("{mirror} {backports}"));
            (sources, backports)
        }
        Suite::Named { suite, base } => {
            let mut sources = vec![format!("{mirror} {suite}")];
            if base != suite {
                sources.push(format!("{mirror} {base}"));
            }
            (sources, suite.to_owned())
        }
    })
}

/// Returns the names of the packages that `apt-get --print-uris` lists: 'ADDRESS' FILE SIZE HASH.
fn names(output: &str) -> Vec<String> {
    let files = output.lines().filter(|line| line.starts_with('\''));
    let files = files.filter_map(|line| line.split_whitespace().nth(1));
    files.filter_map(|file| Some(file.split_once('_')?.0.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: &str = "\
        Packages old main mirror:/debian/\n\
        Translations old main mirror:/debian/\n\
        Packages old-updates main mirror:/debian/\n\
        Packages old-security main mirror:/security/\n\
        Packages old-proposed main mirror:/debian/\n\
        Packages tools main elsewhere:/tools/\n";

    #[test]
    fn suites_that_nobody_configured_are_taken_from_where_the_others_are() {
        let (sources, suite) = sources_for(Suite::OwnBackports, TARGETS, "old").unwrap();
        let expected = [
            "mirror:/debian/ old",
            "mirror:/debian/ old-updates",
            "mirror:/security/ old-security",
            "mirror:/debian/ old-backports",
        ];
        assert_eq!(
            (&sources[..], suite.as_str()),
            (&expected.map(str::to_owned)[..], "old-backports")
        );

        let named = Suite::Named { suite: "new-backports", base: "new" };
        let (sources, suite) = sources_for(named, TARGETS, "old").unwrap();
        assert_eq!(sources, ["mirror:/debian/ new-backports", "mirror:/debian/ new"]);
        assert_eq!(suite, "new-backports");
    }

    #[test]
    fn a_machine_that_is_no_debian_is_told_what_it_can_do() {
        let error = sources_for(Suite::Own, TARGETS, "noble").unwrap_err().to_string();
        assert!(error.contains("noble") && error.contains("--kernel PATH"), "{error}");
    }

    #[test]
    fn packages_are_named_by_their_files() {
        let output = "Reading package lists...\n\
            'mirror:/pool/a%2bb_1%3a2_amd64.deb' a+b_1%3a2_amd64.deb 123 SHA256:00\n\
            'mirror:/pool/c_3_all.deb' c_3_all.deb 4 SHA256:11\n";
        assert_eq!(names(output), ["a+b", "c"]);
    }

    #[test]
    fn the_machines_proxy_is_heeded_and_its_hooks_are_not() {
        let machine = "Acquire::http::Proxy \"proxy:3128\";\nAcquire::Languages:: \"en\";\n";
        let text = configuration(machine, Path::new("/here"));
        assert!(text.contains("proxy:3128") && !text.contains("\"en\""));
        assert!(text.contains("Dir::Etc::parts \"/dev/null\""));
    }

    /// The packages come from wherever the machine takes its own.
    #[test]
    fn no_mirror_is_named() {
        let source = include_str!("apt.rs").split("#[cfg(test)]").next().unwrap();
        for word in ["://", ".org", ".com", ".net"] {
            assert!(!source.contains(word), "the source contains `{word}`");
        }
    }
}
