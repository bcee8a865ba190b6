//! Putting messages together from what the socket delivers.

use std::io;
use std::mem;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use zerocopy::FromBytes;

use super::socket;
use super::socket::Received;
use super::wire::Header;

/// The longest message that is accepted, in bytes. The longest that a server has to send here is the
/// description of a region with its areas.
pub(super) const MESSAGE_LIMIT: usize = 64 << 10;

/// The most descriptors that are accepted beside a message.
pub(super) const FD_LIMIT: usize = 64;

/// A message from the server. Descriptors that nobody takes out of it are closed with it.
#[derive(Debug)]
pub(super) struct Message {
    pub header: Header,
    /// All behind the header.
    pub body: Vec<u8>,
    pub fds: Vec<OwnedFd>,
}

/// The part of a message that has come so far.
///
/// It outlives a deadline: the rest may still come, and would be taken for garbage otherwise.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    bytes: Vec<u8>,
    filled: usize,
    fds: Vec<OwnedFd>,
}

/// Why there is no message.
#[derive(Debug)]
pub(super) enum Missing {
    /// It did not come, or not all of it.
    Late,
    /// The other end closed the connection after so many bytes of it.
    Closed(usize),
    /// Its header says that it is so many bytes long.
    Size(usize),
    /// There were more than [`FD_LIMIT`] descriptors beside it.
    Fds,
    /// The socket failed.
    Failed(io::Error),
}

impl Incoming {
    /// Receives a message, or the rest of the one that has begun, until `deadline`.
    pub(super) fn receive(
        &mut self,
        stream: &UnixStream,
        deadline: Instant,
    ) -> Result<Message, Missing> {
        loop {
            let wanted = match Header::read_from_prefix(&self.bytes[..self.filled]) {
                Err(_) => Header::SIZE,
                Ok((header, _)) => match header.message_size.get() as usize {
                    size if !(Header::SIZE..=MESSAGE_LIMIT).contains(&size) => {
                        return Err(Missing::Size(size));
                    }
                    size if size == self.filled => return Ok(self.take(header)),
                    size => size,
                },
            };
            self.bytes.resize(wanted, 0);
            let room = &mut self.bytes[self.filled..];
            match socket::receive(stream, room, &mut self.fds, deadline) {
                Ok(Received::Bytes(count)) => self.filled += count,
                Ok(Received::End) => return Err(Missing::Closed(self.filled)),
                Ok(Received::Nothing) => return Err(Missing::Late),
                Err(error) => return Err(Missing::Failed(error)),
            }
            if self.fds.len() > FD_LIMIT {
                self.fds.clear();
                return Err(Missing::Fds);
            }
        }
    }

    fn take(&mut self, header: Header) -> Message {
        let Self { bytes: mut body, fds, .. } = mem::take(self);
        body.drain(..Header::SIZE);
        Message { header, body, fds }
    }
}
