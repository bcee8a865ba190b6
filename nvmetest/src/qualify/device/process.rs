//! A device process, as the coordinator sees it.

use std::collections::VecDeque;
use std::io;
use std::io::ErrorKind;
use std::io::PipeReader;
use std::io::Read;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use command_fds::CommandFdExt;
use command_fds::FdMapping;
use nix::fcntl::FcntlArg;
use nix::fcntl::OFlag;
use nix::fcntl::fcntl;

use super::ARGUMENT;
use super::LOG;
use super::protocol::Answer;
use super::protocol::Open;
use super::protocol::Request;
use crate::cmdlog::CmdLog;
use crate::cmdlog::Geometry;

/// How much of what the process prints is kept: its end.
const KEPT: usize = 64 << 10;

/// No answer is longer.
const LONGEST: usize = 64 << 20;

/// A process that ends with this value.
///
/// The kernel kills it when the *thread* ends that started it: the coordinator's main thread.
#[derive(Debug)]
pub(in crate::qualify) struct DeviceProcess {
    child: Child,
    socket: UnixStream,
    /// What came of an answer that is not whole yet, and what came behind it.
    inbox: Vec<u8>,
    output: PipeReader,
    printed: VecDeque<u8>,
    log: CmdLog,
}

/// What was heard of a process.
#[derive(Debug)]
pub(in crate::qualify) enum Heard {
    Answer(Answer),
    /// It ended, in this way.
    Ended(String),
}

impl DeviceProcess {
    /// Starts it, and has it open a device.
    pub(in crate::qualify) fn start(open: &Open) -> io::Result<Self> {
        let (socket, theirs) = UnixStream::pair()?;
        let (output, printer) = io::pipe()?;
        let log = CmdLog::new(Geometry::default())?;
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("nvmetest-device")
            .arg(ARGUMENT)
            .arg(process::id().to_string())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(printer.try_clone()?))
            .stderr(Stdio::from(printer))
            // A Ctrl-C at the terminal is for the coordinator, which then ends the test in order.
            .process_group(0);
        let log_file = FdMapping { parent_fd: log.file().try_clone_to_owned()?, child_fd: LOG };
        command.fd_mappings(vec![log_file]).map_err(io::Error::other)?;
        let child = command.spawn()?;
        socket.set_nonblocking(true)?;
        fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let (inbox, printed) = Default::default();
        let mut process = Self { child, socket, inbox, output, printed, log };
        process.send(&Request::Open(open.clone()))?;
        Ok(process)
    }

    /// Asks for something. A request is shorter than what a socket takes without being read.
    pub(in crate::qualify) fn send(&mut self, request: &Request) -> io::Result<()> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        self.socket.write_all(&line)
    }

    /// Hears the next answer, if there is one.
    pub(in crate::qualify) fn hear(&mut self) -> Option<Heard> {
        // What a test printed is there before its answer is.
        self.take_output();
        loop {
            if let Some(end) = self.inbox.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.inbox.drain(..=end).collect();
                self.take_output();
                return Some(match serde_json::from_slice(&line) {
                    Ok(answer) => Heard::Answer(answer),
                    Err(error) => Heard::Ended(self.end(&format!("it says nonsense ({error})"))),
                });
            }
            if LONGEST < self.inbox.len() {
                return Some(Heard::Ended(self.end("it says too much at once")));
            }
            let mut piece = [0; 16 << 10];
            match self.socket.read(&mut piece) {
                Ok(0) => return Some(Heard::Ended(self.how_it_ended())),
                Ok(length) => self.inbox.extend_from_slice(&piece[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Some(Heard::Ended(self.how_it_ended())),
            }
        }
    }

    /// Kills the process, and says why it was.
    pub(in crate::qualify) fn end(&mut self, why: &str) -> String {
        // It fails for a process that has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.take_output();
        why.to_owned()
    }

    /// Returns the end of what was printed since the last call.
    pub(in crate::qualify) fn take_printed(&mut self) -> String {
        self.take_output();
        let bytes: Vec<u8> = self.printed.drain(..).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The command log of the device.
    pub(in crate::qualify) fn log(&self) -> &CmdLog {
        &self.log
    }

    /// What there is to wait for.
    pub(in crate::qualify) fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        [self.socket.as_fd(), self.output.as_fd()]
    }

    /// Reads what was printed, which keeps the pipe from getting full.
    pub(in crate::qualify) fn take_output(&mut self) {
        let mut piece = [0; 16 << 10];
        while let Ok(length @ 1..) = self.output.read(&mut piece) {
            self.printed.extend(&piece[..length]);
            let excess = self.printed.len().saturating_sub(KEPT);
            self.printed.drain(..excess);
        }
    }

    /// The connection is closed: the process ends, or did.
    fn how_it_ended(&mut self) -> String {
        // One that closed its end and goes on is no good either, and one that was killed is not changed by this.
        let _ = self.child.kill();
        let status = self.child.wait();
        self.take_output();
        match status {
            Ok(status) => format!("its process ended with {status}"),
            Err(error) => format!("its process ended, and nobody knows how ({error})"),
        }
    }
}

impl Drop for DeviceProcess {
    fn drop(&mut self) {
        self.end("nobody has it any more");
    }
}
