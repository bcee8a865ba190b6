//! Who interrupts a run.

use std::io;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::process;
use std::thread;

use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;
use nix::sys::signalfd::SfdFlags;
use nix::sys::signalfd::SignalFd;

use super::ending::INTERRUPTED;

/// The signals that interrupt a run, while it has them.
///
/// They are blocked, in this process and in those that it starts: a device process does not end by itself when all
/// processes of a job are told to.
#[derive(Debug)]
pub(in crate::qualify) struct Signals {
    set: SigSet,
    before: SigSet,
    file: SignalFd,
    /// Whether one came.
    is_over: bool,
}

impl Signals {
    /// Takes the signals, in this thread and those that it starts from now on.
    pub(in crate::qualify) fn take() -> io::Result<Self> {
        let set = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]);
        let before = SigSet::thread_get_mask()?;
        set.thread_block()?;
        // A file that may not grow is an error of the write, and not the end of the process.
        SigSet::from(Signal::SIGXFSZ).thread_block()?;
        let file = SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { set, before, file, is_over: false })
    }

    /// Returns which of the signals came first, once.
    ///
    /// From then on the next ends the process at once, and with it, by the kernel, all that it started: also where a shell has
    /// started it with SIGINT ignored, as shells do with what runs in the background.
    pub(in crate::qualify) fn came(&mut self) -> Option<&'static str> {
        if self.is_over {
            return None;
        }
        let signal = self.file.read_signal().ok()??;
        self.is_over = true;
        let set = self.set;
        let next = move || {
            let _ = set.wait();
            process::exit(INTERRUPTED.into());
        };
        if thread::Builder::new().name("signals".to_owned()).spawn(next).is_err() {
            // Then the next does what it did before there was a run.
            let _ = self.set.thread_unblock();
        }
        let signal = i32::try_from(signal.ssi_signo).ok()?;
        Signal::try_from(signal).ok().map(Signal::as_str)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // One that came of a full disk would end the process before it says so.
        self.before.add(Signal::SIGXFSZ);
        let _ = self.before.thread_set_mask();
    }
}
