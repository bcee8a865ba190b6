//! Bytes and file descriptors over a Unix socket, with a deadline.
#![expect(unsafe_code, reason = "received descriptors are numbers until somebody owns them")]

use std::io;
use std::io::IoSlice;
use std::io::IoSliceMut;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sys::socket::AddressFamily;
use nix::sys::socket::ControlMessage;
use nix::sys::socket::ControlMessageOwned;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::SockFlag;
use nix::sys::socket::SockType;
use nix::sys::socket::UnixAddr;
use nix::sys::socket::cmsg_space;
use nix::sys::socket::recvmsg;
use nix::sys::socket::sendmsg;
use nix::sys::socket::socket;

/// The most descriptors that the kernel lets travel beside one message (SCM_MAX_FD).
///
/// With room for all of them a peer cannot have the list truncated, which would leak descriptors into
/// this process.
const SCM_MAX_FD: usize = 253;

/// Connects to the socket at `path`, without waiting for a place in its backlog.
pub(super) fn connect(path: &Path) -> io::Result<UnixStream> {
    let address = UnixAddr::new(path)?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    nix::sys::socket::connect(socket.as_raw_fd(), &address)?;
    Ok(socket.into())
}

/// Sends what the socket takes of `bytes` until `deadline`, and `fds` beside the first byte.
///
/// Returns the number of bytes that were sent: fewer if the deadline passed.
pub(super) fn send(
    stream: &UnixStream,
    bytes: &[u8],
    fds: &[BorrowedFd<'_>],
    deadline: Instant,
) -> io::Result<usize> {
    let fds: Vec<_> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let mut sent = 0;
    while sent < bytes.len() {
        let rights = [ControlMessage::ScmRights(&fds)];
        let beside = if sent == 0 && !fds.is_empty() { &rights[..] } else { &[] };
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        let slices = [IoSlice::new(&bytes[sent..])];
        match sendmsg::<UnixAddr>(stream.as_raw_fd(), &slices, beside, flags, None) {
            Ok(count) => sent += count,
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                if !wait(stream, PollFlags::POLLOUT, deadline)? {
                    break;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(sent)
}

/// What came from the socket.
pub(super) enum Received {
    /// So many bytes, at least one.
    Bytes(usize),
    /// Nothing more will come.
    End,
    /// Nothing came until the deadline.
    Nothing,
}

/// Waits until `deadline` for bytes, and adds descriptors that come beside them to `fds`.
pub(super) fn receive(
    stream: &UnixStream,
    bytes: &mut [u8],
    fds: &mut Vec<OwnedFd>,
    deadline: Instant,
) -> io::Result<Received> {
    loop {
        match receive_now(stream, bytes, fds) {
            Ok(0) => return Ok(Received::End),
            Ok(count) => return Ok(Received::Bytes(count)),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                if !wait(stream, PollFlags::POLLIN, deadline)? {
                    return Ok(Received::Nothing);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Room for control data, aligned for the header that the kernel puts at its start.
#[repr(align(8))]
struct Control([u8; cmsg_space::<[i32; SCM_MAX_FD]>()]);

fn receive_now(
    stream: &UnixStream,
    bytes: &mut [u8],
    fds: &mut Vec<OwnedFd>,
) -> nix::Result<usize> {
    let mut control = Control([0; cmsg_space::<[i32; SCM_MAX_FD]>()]);
    let mut slices = [IoSliceMut::new(bytes)];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let message =
        recvmsg::<UnixAddr>(stream.as_raw_fd(), &mut slices, Some(&mut control.0), flags)?;
    // There is room for all, so they can only be truncated because this process has no more left.
    for control in message.cmsgs().map_err(|_| Errno::EMFILE)? {
        if let ControlMessageOwned::ScmRights(received) = control {
            // SAFETY: The kernel has just made these descriptors for this process, and nothing else
            // knows of them.
            fds.extend(received.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    Ok(message.bytes)
}

/// Returns whether the other end has closed the connection.
pub(super) fn is_closed(stream: &UnixStream) -> bool {
    let mut polled = [PollFd::new(stream.as_fd(), PollFlags::empty())];
    let ends = PollFlags::POLLHUP | PollFlags::POLLERR;
    poll(&mut polled, PollTimeout::ZERO).is_ok()
        && polled[0].revents().is_some_and(|events| events.intersects(ends))
}

/// Waits for one of `events`; returns false if the deadline passed.
fn wait(stream: &UnixStream, events: PollFlags, deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Rounded up, or the last millisecond would be spent in a busy loop.
        let millis = left.as_micros().div_ceil(1000);
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(stream.as_fd(), events)], timeout) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}
