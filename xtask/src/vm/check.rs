//! `cargo xtask vm check`: guests that misbehave, each in its own way.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;
use clap::Args;
use xshell::Shell;
use xshell::cmd;

use super::acceleration::Acceleration;
use super::drive;
use super::drive::MODULES;
use super::guest::AddDevices;
use super::guest::Ending;
use super::guest::Guest;
use super::guest::Iommu;
use super::guest::Limits;
use super::guest::Remains;
use super::guest::What;
use super::initrd;
use super::initrd::Payload;
use super::kernel::Choice;
use super::kernel::Kernel;
use super::payload::Program;
use super::qemu::Qemu;
use super::store;

/// Boot guests that misbehave, and see that each is told from the others and leaves what it can
#[derive(Args)]
pub struct Check {
    /// As that of `cargo xtask vm test`
    #[arg(long, value_name = "KERNEL", default_value = "stable")]
    kernel: Choice,

    /// Boot only the guests whose promise contains one of these
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
}

/// How much the job of one guest says, in bytes.
const FLOOD: usize = 8 << 20;

/// Long enough for a busy machine, and short enough to wait for.
const LIMITS: Limits = Limits {
    boot: Duration::from_secs(120),
    silence: Duration::from_secs(120),
    total: Duration::from_secs(300),
};

/// What is promised, and what it takes to see it.
type Case = (&'static str, fn(&Checker) -> anyhow::Result<()>);

struct Checker {
    qemu: Qemu,
    kernel: Kernel,
    acceleration: Acceleration,
    /// The number of the case, which its folder is called.
    case: usize,
}

impl Check {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        Ok(if self.failures()? == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Boots all of them on a kernel, and fails unless all is as it should be.
    pub fn check(kernel: Choice) -> anyhow::Result<()> {
        let failures = Self { kernel, filters: vec![] }.failures()?;
        ensure!(failures == 0, "{failures} of the guests did not do as promised; see above");
        Ok(())
    }

    fn failures(self) -> anyhow::Result<usize> {
        let qemu = Qemu::installed()?;
        let kernel = Kernel::provide(&self.kernel)?;
        let acceleration = Acceleration::find(&qemu, &kernel)?;
        let mut checker = Checker { qemu, kernel, acceleration, case: 0 };
        let cases: [Case; 11] = [
            ("an exit code, output and files come out whole", whole),
            ("a kernel that panics is told from an end", panics),
            ("a job that says nothing is ended, and what it said is kept", silent),
            ("a job that talks on is ended", talks_on),
            ("a drive is bound and given back", binds),
            ("a drive that is pulled ends the run with a sentence", unplugs),
            ("thousands of accesses that the IOMMU refuses are few sentences", storms),
            ("memory in huge pages is lent where there are some", lends_huge_pages),
            ("the way to a drive keeps what it promises", reaches),
            ("a kernel that is given as a package boots, and what is none is refused", packaged),
            ("a guest that is never up is ended", never_up),
        ];
        let mut failed = 0;
        let is_meant = |name: &str| {
            self.filters.is_empty() || self.filters.iter().any(|filter| name.contains(filter))
        };
        ensure!(cases.iter().any(|(name, _)| is_meant(name)), "no guest is called so");
        for (name, case) in cases {
            checker.case += 1;
            if !is_meant(name) {
                continue;
            }
            let start = Instant::now();
            let outcome = case(&checker);
            let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
            println!("{verdict:6} {:5.1} s  {name}", start.elapsed().as_secs_f64());
            if let Err(error) = outcome {
                println!("       {error:#}");
                failed += 1;
            }
        }
        Ok(failed)
    }
}

impl Checker {
    /// Boots a guest with a job. Returns also what the job said.
    fn boot(&self, job: &str, limits: Limits) -> anyhow::Result<(Remains, Vec<u8>)> {
        self.boot_with(
            &Payload { job, modules: &[], tools: None, files: &[] },
            &|_, _| Ok(()),
            limits,
        )
    }

    /// As `boot`, with another kernel.
    fn boot_kernel(&self, kernel: &Kernel, job: &str) -> anyhow::Result<(Remains, Vec<u8>)> {
        let payload = Payload { job, modules: &[], tools: None, files: &[] };
        self.boot_all(kernel, &payload, &|_, _| Ok(()), LIMITS)
    }

    fn boot_with(
        &self,
        payload: &Payload<'_>,
        add_devices: AddDevices<'_>,
        limits: Limits,
    ) -> anyhow::Result<(Remains, Vec<u8>)> {
        self.boot_all(&self.kernel, payload, add_devices, limits)
    }

    fn boot_all(
        &self,
        kernel: &Kernel,
        payload: &Payload<'_>,
        add_devices: AddDevices<'_>,
        limits: Limits,
    ) -> anyhow::Result<(Remains, Vec<u8>)> {
        let guest = Guest {
            name: &format!("check/{}", self.case),
            qemu: &self.qemu,
            acceleration: self.acceleration,
            kernel,
            initrd: initrd::make(kernel, payload)?,
            add_devices,
            iommu: Iommu::All,
            limits,
        };
        let mut output = Vec::new();
        let remains = guest.run(&mut |bytes| output.extend_from_slice(bytes))?;
        Ok((remains, output))
    }

    /// As `boot`, of a job that gets lost. Returns how.
    fn lose(&self, job: &str, limits: Limits) -> anyhow::Result<(What, Vec<u8>)> {
        let (remains, output) = self.boot(job, limits)?;
        let Ending::Lost(lost) = remains.ending else {
            bail!("the guest ended with {:?}", remains.ending)
        };
        let said = fs::read_to_string(&lost.console).context("there is no console")?;
        // One that was ended early may have said nothing but half a control sequence.
        let is_text = |c: char| !c.is_control() && !c.is_whitespace();
        ensure!(!said.contains(is_text) || !lost.last_lines.is_empty(), "the last lines are lost");
        Ok((lost.what, output))
    }
}

fn whole(checker: &Checker) -> anyhow::Result<()> {
    let job = format!(
        "dd if=/dev/zero bs=1M count={} 2>/dev/null | tr '\\0' x; echo kept >/out/file; exit 42",
        FLOOD >> 20
    );
    let (remains, output) = checker.boot(&job, LIMITS)?;
    ensure!(matches!(remains.ending, Ending::Code(42)), "{:?}", remains.ending);
    let is_whole = output.len() == FLOOD && output.iter().all(|byte| *byte == b'x');
    ensure!(is_whole, "of {FLOOD} bytes {} came out", output.len());
    let file = fs::read_to_string(remains.evidence.join("file"))?;
    ensure!(file == "kept\n", "the file has {file:?}");
    Ok(())
}

fn panics(checker: &Checker) -> anyhow::Result<()> {
    let (what, output) =
        checker.lose("echo before; echo c >/proc/sysrq-trigger; sleep 60", LIMITS)?;
    ensure!(what == What::Panicked, "{what:?}");
    ensure!(output == b"before\n", "what the job said before is lost");
    Ok(())
}

fn silent(checker: &Checker) -> anyhow::Result<()> {
    let silence = Duration::from_secs(6);
    let limits = Limits { silence, ..LIMITS };
    let (what, output) = checker.lose("echo before; sleep 600", limits)?;
    ensure!(what == What::Silent(silence), "{what:?}");
    ensure!(output == b"before\n", "what the job said before is lost");
    Ok(())
}

fn talks_on(checker: &Checker) -> anyhow::Result<()> {
    let total = Duration::from_secs(12);
    let limits = Limits { total, ..LIMITS };
    let (what, _) = checker.lose("while true; do echo on; sleep 1; done", limits)?;
    ensure!(what == What::TooLong(total), "{what:?}");
    Ok(())
}

fn binds(checker: &Checker) -> anyhow::Result<()> {
    on_a_drive(checker, include_str!("guest/bind.sh"))
}

fn unplugs(checker: &Checker) -> anyhow::Result<()> {
    on_a_drive(checker, include_str!("guest/unplug.sh"))
}

fn storms(checker: &Checker) -> anyhow::Result<()> {
    let programs = [("bin/storm", Program::FaultStorm)];
    let said = run_on_a_drive(checker, include_str!("guest/storm.sh"), &programs)?;
    println!("{said}");
    Ok(())
}

fn lends_huge_pages(checker: &Checker) -> anyhow::Result<()> {
    on_a_drive(checker, include_str!("guest/huge.sh"))
}

/// Runs a job that has the suites.
fn on_a_drive(checker: &Checker, job: &str) -> anyhow::Result<()> {
    run_on_a_drive(checker, job, &[("bin/nvme", Program::Suites)])?;
    Ok(())
}

/// Runs a job that says what went wrong, with `xtask` and other programs. Returns what it said.
fn run_on_a_drive(
    checker: &Checker,
    job: &str,
    programs: &[(&str, Program)],
) -> anyhow::Result<String> {
    let mut files = vec![("bin/xtask", Program::Xtask.build()?)];
    for (name, program) in programs {
        files.push((name, program.build()?));
    }
    let files: Vec<(&str, &Path)> = files.iter().map(|(name, path)| (*name, &**path)).collect();
    let payload = Payload {
        job: &job.replace("@BDF@", drive::BDF),
        modules: &MODULES,
        tools: None,
        files: &files,
    };
    let (remains, output) = checker.boot_with(&payload, &drive::add_nvme, LIMITS)?;
    let said = String::from_utf8_lossy(&output).into_owned();
    ensure!(matches!(remains.ending, Ending::Code(0)), "{:?}: {said}", remains.ending);
    Ok(said)
}

fn reaches(checker: &Checker) -> anyhow::Result<()> {
    let programs = [("bin/vfio", Program::Vfio)];
    let said = run_on_a_drive(checker, include_str!("guest/reach.sh"), &programs)?;
    ensure!(said.contains("0 ignored"), "the drive was not named to the tests: {said}");
    Ok(())
}

fn packaged(checker: &Checker) -> anyhow::Result<()> {
    /// What a package has to say of itself.
    const CONTROL: &str = "Package: kernel\nVersion: 1\nArchitecture: amd64\nMaintainer: nobody\nDescription: a kernel\n";
    /// No other package is called so.
    const NAME: &str = "vm-check.deb";
    let store = store::path("kernel");
    let place = tempfile::tempdir_in(&store)?;
    let (tree, package) = (place.path().join("tree"), place.path().join(NAME));
    let sh = Shell::new()?;
    let kernel = &checker.kernel.folder;
    cmd!(sh, "cp --archive --link {kernel} {tree}").quiet().run()?;
    fs::create_dir(tree.join("DEBIAN"))?;
    fs::write(tree.join("DEBIAN/control"), CONTROL)?;
    cmd!(sh, "dpkg-deb -Znone --root-owner-group --build {tree} {package}").quiet().read()?;

    let kernel = Kernel::provide(&Choice::Path(package.clone()))?;
    let said = checker.boot_kernel(&kernel, "uname -r; uname -v");
    fs::remove_dir_all(&kernel.folder)?;
    let (remains, output) = said?;
    ensure!(matches!(remains.ending, Ending::Code(0)), "{:?}", remains.ending);
    let said = String::from_utf8_lossy(&output);
    ensure!(said.lines().next() == Some(&checker.kernel.release), "it boots {said}");

    fs::write(&package, CONTROL)?;
    let Err(refused) = Kernel::provide(&Choice::Path(package)) else {
        bail!("a text is a package")
    };
    fs::remove_dir_all(store.join(NAME))?;
    ensure!(refused.to_string().contains("is no package"), "it was said: {refused}");
    Ok(())
}

fn never_up(checker: &Checker) -> anyhow::Result<()> {
    let boot = Duration::from_millis(200);
    let (what, _) = checker.lose("true", Limits { boot, ..LIMITS })?;
    ensure!(what == What::NotUp(boot), "{what:?}");
    Ok(())
}
