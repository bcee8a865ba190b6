//! One run of nvmetest to a device at a time.

use std::io;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::os::unix::net::UnixListener;

use nix::sys::socket::AddressFamily;
use nix::sys::socket::SockFlag;
use nix::sys::socket::SockType;
use nix::sys::socket::UnixAddr;
use nix::sys::socket::connect;
use nix::sys::socket::getsockopt;
use nix::sys::socket::socket;
use nix::sys::socket::sockopt::PeerCredentials;

/// The right to use a device, which no other run has as long as this value lives.
///
/// It is a Unix socket in the abstract namespace, so the kernel takes it back when the process ends,
/// however it ends, and no file is left behind. The namespace is that of the network: runs in different
/// containers do not see each other's claims.
///
/// ```
/// use nvmetest::transport::{Claim, ClaimError};
///
/// let name = format!("example of {}", std::process::id());
/// let claim = Claim::take(&name)?;
/// assert!(matches!(Claim::take(&name), Err(ClaimError::Busy { .. })));
///
/// drop(claim);
/// Claim::take(&name)?;
/// # Ok::<(), ClaimError>(())
/// ```
#[derive(Debug)]
pub struct Claim {
    _listener: UnixListener,
}

/// Why a device could not be claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Another run has claimed it.
    #[error("it is in use by another nvmetest run{}", holder(.pid))]
    Busy {
        /// The process that holds the claim, where the kernel tells.
        pid: Option<i32>,
    },
    /// The kernel did not let this process claim anything.
    #[error("it cannot be claimed for this run: {0}")]
    Failed(#[from] io::Error),
}

impl Claim {
    /// Claims the device that is called `name`: the canonical path of a socket, a PCI address.
    ///
    /// # Errors
    ///
    /// Fails if another run holds the claim, or another device of this one.
    pub fn take(name: impl AsRef<[u8]>) -> Result<Self, ClaimError> {
        let name = abstract_name(name.as_ref());
        let address = SocketAddr::from_abstract_name(&name)?;
        match UnixListener::bind_addr(&address) {
            Ok(listener) => Ok(Self { _listener: listener }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                Err(ClaimError::Busy { pid: holder_of(&name) })
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The most bytes that fit into an address, without the zero byte at its start.
const NAME_LIMIT: usize = 107;

fn abstract_name(name: &[u8]) -> Vec<u8> {
    const PREFIX: &[u8] = b"nvmetest/";
    if PREFIX.len() + name.len() <= NAME_LIMIT {
        return [PREFIX, name].concat();
    }
    // The end of a long path says most about it, and the hash stands for the rest.
    let hash = format!("{:016x}", fnv_1a(name));
    let tail = &name[name.len() - (NAME_LIMIT - PREFIX.len() - hash.len())..];
    [PREFIX, hash.as_bytes(), tail].concat()
}

/// The hash of Fowler, Noll and Vo: the same in every build, as a name that runs share has to be.
fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// Asks the kernel who listens at the address.
fn holder_of(name: &[u8]) -> Option<i32> {
    // Not blocking: nobody accepts at the other end, and its backlog may be full.
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None).ok()?;
    connect(socket.as_raw_fd(), &UnixAddr::new_abstract(name).ok()?).ok()?;
    let pid = getsockopt(&socket, PeerCredentials).ok()?.pid();
    (pid > 0).then_some(pid)
}

fn holder(pid: &Option<i32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_claim_is_named() {
        let name = format!("test of {}", std::process::id());
        let _claim = Claim::take(&name).unwrap();

        let error = Claim::take(&name).unwrap_err().to_string();

        let holder = format!("in use by another nvmetest run (process {})", std::process::id());
        assert!(error.ends_with(&holder), "{error}");
    }

    #[test]
    fn long_names_that_differ_early_are_different_claims() {
        let tail = "x".repeat(200);
        let pid = std::process::id();
        let _one = Claim::take(format!("{pid}/one/{tail}")).unwrap();
        let _other = Claim::take(format!("{pid}/two/{tail}")).unwrap();
        assert!(Claim::take(format!("{pid}/one/{tail}")).is_err());
    }
}
