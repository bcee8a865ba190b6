//! A server whose answers a test decides.

use std::fs::File;
use std::io;
use std::io::IoSlice;
use std::io::IoSliceMut;
use std::io::Read;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::socket::ControlMessage;
use nix::sys::socket::ControlMessageOwned;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::UnixAddr;
use nix::sys::socket::recvmsg;
use nix::sys::socket::sendmsg;
use nvmetest::transport::DeviceUri;
use nvmetest::transport::OpenError;
use nvmetest::transport::vfio_user::Options;
use nvmetest::transport::vfio_user::VfioUser;

pub const VERSION: u16 = 1;
pub const DMA_MAP: u16 = 2;
pub const DMA_UNMAP: u16 = 3;
pub const GET_INFO: u16 = 4;
pub const GET_REGION_INFO: u16 = 5;
pub const GET_IRQ_INFO: u16 = 7;
pub const SET_IRQS: u16 = 8;
pub const REGION_READ: u16 = 9;
pub const REGION_WRITE: u16 = 10;
pub const DEVICE_RESET: u16 = 13;

const REPLY: u32 = 1;
const ERROR: u32 = 1 << 5;
const NO_REPLY: u32 = 1 << 4;

/// What the client asked.
#[derive(Debug, Clone)]
pub struct Request {
    pub id: u16,
    pub command: u16,
    pub flags: u32,
    pub body: Vec<u8>,
    /// The number of descriptors beside it.
    pub fds: usize,
}

impl Request {
    /// Returns the 32-bit field at `offset` of the body.
    pub fn field(&self, offset: usize) -> u32 {
        u32::from_le_bytes(self.body[offset..offset + 4].try_into().unwrap())
    }

    /// Returns whether the request reads or writes BAR0.
    pub fn is_bar(&self) -> bool {
        [REGION_READ, REGION_WRITE].contains(&self.command) && self.field(8) == 0
    }

    pub fn wants_reply(&self) -> bool {
        self.flags & NO_REPLY == 0
    }
}

/// What the server does then.
#[derive(Debug)]
pub enum Answer {
    /// What a server that works would do.
    Proper,
    /// A reply with this body and copies of these descriptors.
    Body(Vec<u8>, Vec<File>),
    /// An error reply: a header alone.
    Errno(u32),
    /// These bytes.
    Raw(Vec<u8>),
    /// Nothing.
    Silence,
    /// These bytes, and then the end of the connection.
    Close(Vec<u8>),
}

/// Makes a header.
pub fn header(id: u16, command: u16, size: u32, flags: u32, errno: u32) -> Vec<u8> {
    [
        &id.to_le_bytes()[..],
        &command.to_le_bytes(),
        &size.to_le_bytes(),
        &flags.to_le_bytes(),
        &errno.to_le_bytes(),
    ]
    .concat()
}

/// Makes a whole reply.
pub fn reply(id: u16, command: u16, body: &[u8]) -> Vec<u8> {
    [&header(id, command, 16 + body.len() as u32, REPLY, 0), body].concat()
}

/// Makes the body of DEVICE_GET_REGION_INFO.
pub fn region_info(index: u32, flags: u32, size: u64, cap_offset: u32, caps: &[u8]) -> Vec<u8> {
    [
        &(32 + caps.len() as u32).to_le_bytes()[..],
        &flags.to_le_bytes(),
        &index.to_le_bytes(),
        &cap_offset.to_le_bytes(),
        &size.to_le_bytes(),
        &0u64.to_le_bytes(),
        caps,
    ]
    .concat()
}

/// Returns what a server that works would answer, as a body.
pub fn proper(request: &Request) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect();
    match request.command {
        VERSION => [&[0, 0, 1, 0], &br#"{"capabilities":{"max_msg_fds":8}}"#[..], &[0]].concat(),
        GET_INFO => words(&[16, 3, 9, 5]),
        GET_REGION_INFO => match request.field(8) {
            0 => region_info(0, 3, 0x4000, 0, &[]),
            7 => region_info(7, 3, 4096, 0, &[]),
            index => region_info(index, 0, 0, 0, &[]),
        },
        GET_IRQ_INFO => words(&[16, 1, request.field(8), 40]),
        REGION_READ => {
            let (offset, count) = (request.field(0) as usize, request.field(12) as usize);
            let mut space = vec![0; 4096 + 8];
            if request.field(8) == 7 {
                space[0x06] = 1 << 4;
                space[0x08..0x0c].copy_from_slice(&[0, 0x02, 0x08, 0x01]);
                space[0x34] = 0x40;
                space[0x40..0x44].copy_from_slice(&[0x11, 0, 39, 0]);
            }
            let data = space.get(offset..offset + count).unwrap_or(&[0; 8][..count]);
            [&request.body[..16], data].concat()
        }
        REGION_WRITE => request.body[..16].to_vec(),
        _ => Vec::new(),
    }
}

/// A scripted server in a thread of its own.
pub struct Script {
    client: UnixStream,
    pub thread: JoinHandle<Vec<Request>>,
}

impl Script {
    /// Starts a server that answers as `script` says, until the client leaves. The thread returns what
    /// was asked.
    pub fn start(mut script: impl FnMut(&Request) -> Answer + Send + 'static) -> Self {
        let (client, mut server) = UnixStream::pair().unwrap();
        let thread = std::thread::spawn(move || {
            let mut requests = Vec::new();
            while let Ok(request) = receive(&mut server) {
                let answer = script(&request);
                requests.push(request.clone());
                let (id, command) = (request.id, request.command);
                let sent = match answer {
                    Answer::Proper if !request.wants_reply() => Ok(()),
                    Answer::Proper => server.write_all(&reply(id, command, &proper(&request))),
                    Answer::Body(body, files) => send(&server, &reply(id, command, &body), &files),
                    Answer::Errno(errno) => {
                        server.write_all(&header(id, command, 16, REPLY | ERROR, errno))
                    }
                    Answer::Raw(bytes) => server.write_all(&bytes),
                    Answer::Silence => Ok(()),
                    Answer::Close(bytes) => {
                        // The client may have given up before all of it was sent.
                        let _ = server.write_all(&bytes);
                        break;
                    }
                };
                if sent.is_err() {
                    break;
                }
            }
            requests
        });
        Self { client, thread }
    }

    /// Connects with a deadline that is short where a test waits for it.
    pub fn open(
        self,
        deadline: Duration,
    ) -> (Result<VfioUser, OpenError>, JoinHandle<Vec<Request>>) {
        self.open_with(Options { deadline, ..Options::default() })
    }

    pub fn open_with(
        self,
        options: Options,
    ) -> (Result<VfioUser, OpenError>, JoinHandle<Vec<Request>>) {
        let device = VfioUser::from_stream(uri(), self.client, &options);
        (device, self.thread)
    }

    /// Connects to a server that lets itself be opened.
    pub fn device(self, deadline: Duration) -> VfioUser {
        self.open(deadline).0.unwrap()
    }

    /// Connects to a server that does not.
    pub fn error(self) -> OpenError {
        self.open(LONG).0.unwrap_err()
    }
}

/// A deadline that no test is meant to reach.
pub const LONG: Duration = Duration::from_secs(20);

/// A deadline that tests wait for.
pub const SHORT: Duration = Duration::from_millis(250);

pub fn uri() -> DeviceUri {
    "vfio-user:/scripted.sock".parse().unwrap()
}

fn receive(server: &mut UnixStream) -> io::Result<Request> {
    let mut header = [0; 16];
    let mut slices = [IoSliceMut::new(&mut header)];
    let mut control = nix::cmsg_space!([RawFd; 64]);
    let flags = MsgFlags::MSG_WAITALL;
    let message = recvmsg::<UnixAddr>(server.as_raw_fd(), &mut slices, Some(&mut control), flags)?;
    let mut fds = 0;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(received) = control {
            fds += received.len();
            for fd in received {
                nix::unistd::close(fd)?;
            }
        }
    }
    if message.bytes < 16 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let half = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
    let mut body = vec![0; word(4) as usize - 16];
    server.read_exact(&mut body)?;
    Ok(Request { id: half(0), command: half(2), flags: word(8), body, fds })
}

fn send(server: &UnixStream, bytes: &[u8], files: &[File]) -> io::Result<()> {
    let fds: Vec<_> = files.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&fds)];
    let beside = if fds.is_empty() { &[] } else { &rights[..] };
    let slices = [IoSlice::new(bytes)];
    sendmsg::<UnixAddr>(server.as_raw_fd(), &slices, beside, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}
