//! Whether the processor runs a guest itself, or is emulated.

use std::fs;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use super::guest::Ending;
use super::guest::Guest;
use super::guest::Iommu;
use super::guest::Limits;
use super::initrd;
use super::initrd::Payload;
use super::kernel::Kernel;
use super::qemu::Qemu;
use super::store;

/// How a guest is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceleration {
    /// By the processor.
    Kvm,
    /// By plain emulation.
    Tcg,
}

/// How long a guest may take that is run by the processor: more than plain emulation takes is no help.
const TRIAL: Duration = Duration::from_secs(10);

/// A device that opens is not enough: within another virtual machine it may fail, or take longer than plain emulation.
const DEVICE: &str = "/dev/kvm";

impl Acceleration {
    /// Finds out by a short boot, and remembers it.
    pub fn find(qemu: &Qemu, kernel: &Kernel) -> anyhow::Result<Self> {
        if File::options().read(true).write(true).open(DEVICE).is_err() {
            return Ok(Self::Tcg);
        }
        let remembered = store::path(&format!("acceleration/{}", kernel.release));
        if let Some(known) = read(&remembered) {
            return Ok(known);
        }
        println!("vm: trying whether {DEVICE} runs {}", kernel.release);
        let payload = Payload { job: "true", modules: &[], tools: None, files: &[] };
        let limits = Limits { boot: TRIAL, silence: TRIAL, total: TRIAL };
        let trial = Guest {
            name: "trial",
            qemu,
            acceleration: Self::Kvm,
            kernel,
            initrd: initrd::make(kernel, &payload)?,
            add_devices: &|_, _| Ok(()),
            iommu: Iommu::All,
            limits,
        };
        let found = match trial.run(&mut |_| {})?.ending {
            Ending::Code(0) => Self::Kvm,
            Ending::Code(_) | Ending::Lost(_) => Self::Tcg,
        };
        if let Some(folder) = remembered.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(remembered, found.name())?;
        Ok(found)
    }

    /// What QEMU is told.
    pub fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
            Self::Tcg => ["-accel", "tcg,thread=multi", "-cpu", "max"],
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }
}

fn read(remembered: &Path) -> Option<Acceleration> {
    let name = fs::read_to_string(remembered).ok()?;
    [Acceleration::Kvm, Acceleration::Tcg].into_iter().find(|it| it.name() == name.trim())
}
