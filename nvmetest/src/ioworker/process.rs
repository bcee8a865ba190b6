//! The process of a worker, as the runner sees it.

use std::cell::OnceCell;
use std::cell::RefCell;
use std::io;
use std::process::Child;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use nix::sys::wait::Id;
use nix::sys::wait::WaitPidFlag;
use nix::sys::wait::WaitStatus;
use nix::sys::wait::waitid;
use nix::unistd::Pid;

use super::forwarder::Forwarder;
use super::forwarder::Forwarding;
use super::forwarder::Lane;
use super::forwarder::Trouble;

/// How long a killed process may take to end.
const DEATH_TAKES: Duration = Duration::from_secs(5);

/// How often a process is asked whether it has ended.
pub(super) const LOOK_EVERY: Duration = Duration::from_micros(500);

/// A process that ends with this value, if not before.
#[derive(Debug)]
pub(super) struct WorkerProcess {
    pid: u32,
    /// The submission and the completion queue that it uses.
    pub(super) queues: (u16, u16),
    child: RefCell<Child>,
    /// Its exit code or signal.
    status: OnceCell<Exit>,
    /// Why the session ended it.
    ended: OnceCell<String>,
    /// Somebody rings for it, if it cannot.
    forwarding: RefCell<Option<Forwarding>>,
}

/// How a process ended.
#[derive(Debug)]
pub(super) struct Exit {
    pub(super) success: bool,
    pub(super) status: String,
}

impl WorkerProcess {
    pub(super) fn new(child: Child, queues: (u16, u16)) -> Self {
        let (status, ended, forwarding) = Default::default();
        Self { pid: child.id(), queues, child: RefCell::new(child), status, ended, forwarding }
    }

    /// Has somebody ring for it, until it is [ended](Self::end).
    pub(super) fn forward(&self, forwarder: &Forwarder, lane: Lane) -> io::Result<()> {
        self.forwarding.replace(Some(forwarder.forward(lane)?));
        Ok(())
    }

    /// Returns why nobody rings for it any more, if that is so.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.forwarding.borrow().as_ref()?.trouble().cloned()
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns how it ended, if it has.
    pub(super) fn exit(&self) -> Option<&Exit> {
        if self.status.get().is_none() {
            let exit = match self.child.borrow_mut().try_wait() {
                Ok(None) => return None,
                Ok(Some(status)) => Exit { success: status.success(), status: status.to_string() },
                // Somebody else reaped it: it is gone.
                Err(error) => Exit { success: false, status: format!("nobody knows how: {error}") },
            };
            self.status.get_or_init(|| exit);
        }
        self.status.get()
    }

    /// Whether it is stopped (SIGSTOP, SIGTSTP), and does nothing until it is continued.
    pub(super) fn is_stopped(&self) -> bool {
        let Ok(pid) = i32::try_from(self.pid) else { return false };
        // That it ended is not asked, and so it is not reaped here.
        let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let status = waitid(Id::Pid(Pid::from_raw(pid)), flags);
        matches!(status, Ok(WaitStatus::Stopped(..)))
    }

    /// Returns why the session ended it, if it did.
    pub(super) fn ended(&self) -> Option<&str> {
        self.ended.get().map(String::as_str)
    }

    /// Kills the process if it still runs, and waits until it is gone. Returns whether it is.
    ///
    /// Also if it is not, it executes no instruction of its own any more: that is what SIGKILL means. What is
    /// left is the kernel's. And nobody rings for it when this has returned.
    pub(super) fn end(&self, why: &str) -> bool {
        let is_gone = self.kill(why);
        self.forwarding.take();
        is_gone
    }

    fn kill(&self, why: &str) -> bool {
        if self.exit().is_some() {
            return true;
        }
        self.ended.get_or_init(|| why.to_owned());
        // Fails only for a process that was reaped, which is seen below.
        let _ = self.child.borrow_mut().kill();
        let start = Instant::now();
        while self.exit().is_none() {
            if DEATH_TAKES < start.elapsed() {
                return false;
            }
            thread::sleep(LOOK_EVERY);
        }
        true
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        self.end("nobody has it any more");
    }
}
