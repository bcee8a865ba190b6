//! Requests and their replies.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use nix::errno::Errno;
use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;

use super::incoming::FD_LIMIT;
use super::incoming::Incoming;
use super::incoming::Message;
use super::incoming::Missing;
use super::socket;
use super::wire::Command;
use super::wire::Header;
use crate::transport::Process;
use crate::transport::TransportError;
use crate::transport::TransportResult;

/// The most requests whose replies are not waited for: more could fill the socket's buffer with error
/// replies, and then neither side would read.
const EARLIER_LIMIT: usize = 128;

const CLOSED: &str = "it closed the connection";

/// A connection to a server: one request at a time, and a deadline for each.
#[derive(Debug)]
pub(super) struct Connection {
    device: String,
    stream: UnixStream,
    timeout: Duration,
    process: Option<Arc<dyn Process>>,
    state: Mutex<State>,
    /// How the connection ended.
    end: OnceLock<String>,
}

#[derive(Debug, Default)]
struct State {
    last_id: u16,
    /// Requests that were sent and whose replies nobody has waited for, the oldest first.
    earlier: VecDeque<Earlier>,
    /// The server replies to requests that want none.
    replies_always: bool,
    /// A request that wanted no reply was refused.
    refused: Option<TransportError>,
    incoming: Incoming,
}

#[derive(Debug)]
struct Earlier {
    id: u16,
    /// What was posted; `None` for a request whose deadline passed.
    posted: Option<String>,
}

impl Connection {
    pub(super) fn new(
        device: String,
        stream: UnixStream,
        timeout: Duration,
        process: Option<Arc<dyn Process>>,
    ) -> Self {
        let (state, end) = (Mutex::default(), OnceLock::new());
        Self { device, stream, timeout, process, state, end }
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) fn process(&self) -> Option<&Arc<dyn Process>> {
        self.process.as_ref()
    }

    /// Sends a request and waits for its reply.
    ///
    /// `what` names the request in errors.
    pub(super) fn call(
        &self,
        command: Command,
        body: &[u8],
        fds: &[BorrowedFd<'_>],
        what: &dyn fmt::Display,
    ) -> TransportResult<Message> {
        let mut state = self.lock();
        // Other threads' requests do not count.
        let deadline = Instant::now() + self.timeout;
        let id = state.next_id();
        self.send(id, command, 0, body, fds, deadline, what)?;
        let result = self.reply(&mut state, id, command, deadline, what);
        if matches!(result, Err(TransportError::Silent { .. })) {
            state.remember(Earlier { id, posted: None });
        }
        result
    }

    /// Sends a request and does not wait until the server has done it.
    pub(super) fn post(
        &self,
        command: Command,
        body: &[u8],
        what: &dyn fmt::Display,
    ) -> TransportResult {
        let mut state = self.lock();
        if state.replies_always || state.earlier.len() >= EARLIER_LIMIT {
            drop(state);
            return self.call(command, body, &[], what).map(drop);
        }
        let deadline = Instant::now() + self.timeout;
        let id = state.next_id();
        self.send(id, command, Header::NO_REPLY, body, &[], deadline, what)?;
        state.remember(Earlier { id, posted: Some(what.to_string()) });
        Ok(())
    }

    /// Fails if the server was seen to refuse what was [posted](Self::post), once.
    pub(super) fn check_posted(&self) -> TransportResult {
        self.lock().refused.take().map_or(Ok(()), Err)
    }

    /// Fails if the connection is known to have ended, or the process behind it.
    pub(super) fn check_alive(&self) -> TransportResult {
        self.check_open()?;
        if let Some(status) = self.process.as_ref().and_then(|process| process.exit_status()) {
            return Err(self.lost(status));
        }
        if socket::is_closed(&self.stream) {
            return Err(self.closed(CLOSED));
        }
        Ok(())
    }

    /// Splits the body of the reply to `what` into its fixed part and the rest.
    pub(super) fn parse<'m, T>(
        &self,
        message: &'m Message,
        what: &dyn fmt::Display,
    ) -> TransportResult<(&'m T, &'m [u8])>
    where
        T: FromBytes + KnownLayout + Immutable + Unaligned,
    {
        let len = message.body.len();
        T::ref_from_prefix(&message.body)
            .map_err(|_| self.protocol(format!("it answered {what} with {len} bytes")))
    }

    /// Notes that the connection has ended, and returns the error that says so.
    pub(super) fn lost(&self, how: impl Into<String>) -> TransportError {
        let how = self.end.get_or_init(|| how.into()).clone();
        TransportError::Lost { device: self.device.clone(), how }
    }

    /// Returns the error for an answer that the protocol does not allow.
    pub(super) fn protocol(&self, how: impl Into<String>) -> TransportError {
        TransportError::Protocol { device: self.device.clone(), how: how.into() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_open(&self) -> TransportResult {
        match self.end.get() {
            Some(how) => {
                Err(TransportError::Lost { device: self.device.clone(), how: how.clone() })
            }
            None => Ok(()),
        }
    }

    /// As `lost`, for a connection that the other end closed.
    fn closed(&self, how: &str) -> TransportError {
        self.lost(self.last_words().unwrap_or_else(|| how.to_owned()))
    }

    /// As `lost`, for a system call that failed.
    fn failed(&self, error: &io::Error) -> TransportError {
        match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => self.closed(CLOSED),
            _ => self.lost(format!("its socket failed: {error}")),
        }
    }

    /// As `protocol`, and gives the connection up: where the next message begins is not known.
    fn derailed(&self, how: impl Into<String>) -> TransportError {
        let how = how.into();
        self.lost(format!("the connection was given up, because {how}"));
        // The server sees that nobody listens any more; the descriptor itself is closed on drop.
        let _ = self.stream.shutdown(Shutdown::Both);
        self.protocol(how)
    }

    /// Returns how the process ended: its socket is closed a moment before that can be seen.
    fn last_words(&self) -> Option<String> {
        const PATIENCE: Duration = Duration::from_millis(500);
        let process = self.process.as_ref()?;
        let start = Instant::now();
        loop {
            let status = process.exit_status();
            if status.is_some() || start.elapsed() > PATIENCE {
                return status;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one message")]
    fn send(
        &self,
        id: u16,
        command: Command,
        flags: u32,
        body: &[u8],
        fds: &[BorrowedFd<'_>],
        deadline: Instant,
        what: &dyn fmt::Display,
    ) -> TransportResult {
        self.check_open()?;
        let size = Header::SIZE + body.len();
        let header = Header {
            message_id: id.into(),
            command: (command as u16).into(),
            message_size: u32::try_from(size).expect("requests are short").into(),
            flags: flags.into(),
            error: 0.into(),
        };
        let mut message = Vec::with_capacity(size);
        message.extend_from_slice(header.as_bytes());
        message.extend_from_slice(body);
        match socket::send(&self.stream, &message, fds, deadline) {
            Ok(sent) if sent == size => Ok(()),
            Ok(0) => Err(self.silent(what)),
            Ok(_) => {
                self.lost("it stopped reading in the middle of a request");
                Err(self.silent(what))
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn silent(&self, what: &dyn fmt::Display) -> TransportError {
        if let Some(status) = self.process.as_ref().and_then(|process| process.exit_status()) {
            return self.lost(status);
        }
        let device = self.device.clone();
        TransportError::Silent { device, what: what.to_string(), after: self.timeout }
    }

    fn refused(&self, what: &dyn fmt::Display, header: &Header) -> TransportError {
        let why = match header.error.get() {
            0 => "it gave no reason".to_owned(),
            errno => match Errno::from_raw(errno.cast_signed()) {
                Errno::UnknownErrno => format!("errno {errno}"),
                known => known.to_string(),
            },
        };
        TransportError::Refused { device: self.device.clone(), what: what.to_string(), why }
    }

    /// Waits for the reply to request `id`, and deals with what comes before it.
    fn reply(
        &self,
        state: &mut State,
        id: u16,
        command: Command,
        deadline: Instant,
        what: &dyn fmt::Display,
    ) -> TransportResult<Message> {
        loop {
            let message = self.message(state, deadline, what)?;
            let header = &message.header;
            let (got, flags) = (header.message_id.get(), header.flags.get());
            if flags & Header::TYPE != Header::REPLY {
                let command = header.command;
                return Err(self.derailed(format!(
                    "it sent a request of its own (command {command}) instead of a reply to {what}"
                )));
            }
            if got == id {
                if header.command.get() != command as u16 {
                    let command = header.command;
                    return Err(self.derailed(format!(
                        "it answered {what} with a reply to another command ({command})"
                    )));
                }
                // A server takes requests in their order: what was posted before has been done.
                state.earlier.retain(|earlier| earlier.posted.is_none());
                if flags & Header::ERROR != 0 {
                    return Err(self.refused(what, header));
                }
                return Ok(message);
            }
            let Some(index) = state.earlier.iter().position(|earlier| earlier.id == got) else {
                return Err(self.derailed(format!(
                    "it answered message {got}, which nobody waits for, instead of {what}"
                )));
            };
            let earlier = state.earlier.remove(index);
            if let Some(posted) = earlier.and_then(|earlier| earlier.posted) {
                if flags & Header::ERROR != 0 {
                    state.refused = Some(self.refused(&posted, header));
                } else {
                    state.replies_always = true;
                }
            }
        }
    }

    fn message(
        &self,
        state: &mut State,
        deadline: Instant,
        what: &dyn fmt::Display,
    ) -> TransportResult<Message> {
        state.incoming.receive(&self.stream, deadline).map_err(|missing| match missing {
            Missing::Late => self.silent(what),
            Missing::Closed(0) => self.closed(CLOSED),
            Missing::Closed(got) => {
                self.closed(&format!("{CLOSED} in a message, after {got} bytes"))
            }
            Missing::Size(size) => {
                self.derailed(format!("it answered {what} with a message of {size} bytes"))
            }
            Missing::Fds => self.derailed(format!(
                "it sent more than {FD_LIMIT} file descriptors beside its reply to {what}"
            )),
            Missing::Failed(error) => self.failed(&error),
        })
    }
}

impl State {
    fn next_id(&mut self) -> u16 {
        self.last_id = self.last_id.wrapping_add(1);
        self.last_id
    }

    fn remember(&mut self, earlier: Earlier) {
        if self.earlier.len() > EARLIER_LIMIT {
            self.earlier.pop_front();
        }
        self.earlier.push_back(earlier);
    }
}
