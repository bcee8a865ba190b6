//! A guest that runs one job, and what becomes of it.

mod channel;
mod ending;

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;

use super::acceleration::Acceleration;
use super::kernel::Kernel;
use super::qemu::Qemu;
use super::store;
use channel::Channels;
use channel::Conversation;
use channel::Event;
pub use channel::Files;
pub use ending::Ending;
pub use ending::What;

/// What the kernel of a guest is told.
///
/// It ends with a panic, and is not started again; mitigations and self tests only take time here. It is not to try whether its
/// timer works: an emulated one is late on a busy machine, and the kernel panics.
const APPEND: &str =
    "console=ttyS0 panic=-1 oops=panic mitigations=off cryptomgr.notests no_timer_check quiet";

/// The ports that end with a mark.
const PORTS: usize = 2;

/// How long a guest may take that has nothing more to say.
const POWERING_OFF: Duration = Duration::from_secs(10);

/// The machine and its job.
pub struct Guest<'a> {
    /// What the run is called: its console and what it hands out are in `target/vm/run/NAME`.
    pub name: &'a str,
    pub qemu: &'a Qemu,
    pub acceleration: Acceleration,
    pub kernel: &'a Kernel,
    pub initrd: File,
    /// Adds devices to QEMU's command line.
    pub add_devices: AddDevices<'a>,
    pub iommu: Iommu,
    pub limits: Limits,
}

/// What of a device's accesses an IOMMU translates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Iommu {
    /// Nothing: there is none.
    Absent,
    /// The messages of interrupts: without, Linux gives a function one message of MSI at most.
    Messages,
    /// The messages, and all memory.
    All,
}

/// Adds devices to QEMU's command line, and what they inherit.
pub type AddDevices<'a> = &'a dyn Fn(&mut Command, &mut Files) -> anyhow::Result<()>;

/// How long a guest may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the start to its job.
    pub boot: Duration,
    /// Without a word of its job.
    pub silence: Duration,
    /// In all.
    pub total: Duration,
}

/// The exit code when a guest was lost, as the runner's when a device was.
pub const LOST: u8 = 3;

/// What a guest left.
#[derive(Debug)]
pub struct Remains {
    pub ending: Ending,
    /// The folder of what it handed out, which may be empty.
    pub evidence: PathBuf,
}

impl Guest<'_> {
    /// Runs the guest to its end, with what its job says on the terminal, and to `listener`. Returns the job's exit code,
    /// or [`LOST`].
    ///
    /// # Errors
    ///
    /// As those of [`run`](Self::run).
    pub fn run_on_terminal(self, listener: &mut dyn FnMut(&[u8])) -> anyhow::Result<u8> {
        let remains = self.run(&mut |bytes| {
            listener(bytes);
            // A terminal that went away is no reason to lose the run.
            let _ = io::stdout().write_all(bytes).and_then(|()| io::stdout().flush());
        })?;
        println!("vm: what the guest left is in {}", remains.evidence.display());
        match remains.ending {
            Ending::Code(code) => Ok(code),
            Ending::Lost(lost) => {
                eprintln!("xtask: {lost}");
                Ok(LOST)
            }
        }
    }

    /// Runs the guest to its end. What the job says is given to `listener` as it comes.
    ///
    /// # Errors
    ///
    /// Fails if QEMU does not start. A guest that hangs or panics has an [`Ending`] of its own.
    pub fn run(self, listener: &mut dyn FnMut(&[u8])) -> anyhow::Result<Remains> {
        let folder = store::empty(&format!("run/{}", self.name))?;
        let evidence = folder.join("evidence");
        fs::create_dir(&evidence)?;
        let console = folder.join("console.log");

        let mut files = Files::default();
        let mut command = self.command(&mut files)?;
        let channels = Channels::connect(&mut command, &mut files)?;
        files.hand_to(&mut command)?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut machine = Machine(command.spawn().context("QEMU does not start")?);
        // Its ends of the channels are the process's alone: they close with it.
        drop(command);
        let complaints = machine.0.stderr.take().context("QEMU has no standard error")?;
        let mut conversation = channels.listen(&console, &evidence, complaints)?;
        let code = attend(&mut conversation, self.limits, listener);
        if code.is_err() {
            machine.end();
        }
        let status = machine.wait(POWERING_OFF)?;
        let complaints = conversation.readers.finish();
        let ending = Ending::find(code, status, &complaints, &console);
        Ok(Remains { ending, evidence })
    }

    fn command(&self, files: &mut Files) -> anyhow::Result<Command> {
        let mut command = self.qemu.command()?;
        command.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
        command.args(self.acceleration.arguments());
        command.args(["-machine", "q35,kernel-irqchip=split,memory-backend=memory"]);
        command.args(["-object", "memory-backend-memfd,id=memory,size=2G,share=on"]);
        command.args(["-m", "2G", "-smp", "2"]);
        if self.iommu != Iommu::Absent {
            command.args(["-device", "intel-iommu,intremap=on,caching-mode=on"]);
        }
        let translation = match self.iommu {
            Iommu::Absent | Iommu::Messages => "intel_iommu=off",
            Iommu::All => "intel_iommu=on iommu.passthrough=0",
        };
        command.arg("-kernel").arg(&self.kernel.image);
        command.arg("-append").arg(format!("{APPEND} {translation}"));
        (self.add_devices)(&mut command, files)?;
        let initrd = files.add(self.initrd.try_clone()?);
        command.arg("-initrd").arg(format!("/proc/self/fd/{initrd}"));
        Ok(command)
    }
}

/// Waits for the guest's word on how its job ended.
///
/// # Errors
///
/// Says why there is none.
fn attend(
    conversation: &mut Conversation,
    limits: Limits,
    listener: &mut dyn FnMut(&[u8]),
) -> Result<u8, What> {
    let start = Instant::now();
    let mut heard = None;
    let mut code = None;
    let mut open = PORTS;
    loop {
        if let (Some(code), 0) = (code, open) {
            conversation.dismiss();
            return Ok(code);
        }
        let (limit, why) = match heard {
            None => (start + limits.boot, What::NotUp(limits.boot)),
            Some(heard) => (heard + limits.silence, What::Silent(limits.silence)),
        };
        let total = start + limits.total;
        let (limit, why) =
            if total < limit { (total, What::TooLong(limits.total)) } else { (limit, why) };
        match conversation.events.recv_timeout(limit.saturating_duration_since(Instant::now())) {
            Ok(Event::Output(bytes)) => {
                heard = Some(Instant::now());
                listener(&bytes);
            }
            Ok(Event::PortEnded) => open = open.saturating_sub(1),
            Ok(Event::Word(word)) => {
                heard = Some(Instant::now());
                if word == "unplug" {
                    conversation.unplug();
                }
                let word = word.strip_prefix("exit ").map(str::parse);
                code = code.or(word.and_then(Result::ok));
            }
            Err(RecvTimeoutError::Timeout) => return Err(why),
            Err(RecvTimeoutError::Disconnected) => return Err(What::Ended(String::new())),
        }
    }
}

/// A machine that is ended when this is dropped.
struct Machine(Child);

impl Machine {
    /// Waits until it has ended. It is ended if that takes longer than `limit`.
    fn wait(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < limit {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.end();
        Ok(self.0.wait()?)
    }

    fn end(&mut self) {
        // One that has ended already is reaped below.
        let _ = self.0.kill();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.end();
        let _ = self.0.wait();
    }
}
