//! Starting the process of a worker.

use std::fs::File;
use std::io;
use std::io::Seek;
use std::io::Write;
use std::os::fd::BorrowedFd;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::process;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use command_fds::CommandFdExt;
use command_fds::FdMapping;
use nix::sys::memfd::MFdFlags;
use nix::sys::memfd::memfd_create;

use crate::transport::ROLE_ARGUMENT;

use super::ROLE;
use super::job::Job;

// The descriptors that the process inherits.
pub(super) const ARENA: RawFd = 3;
pub(super) const DOORBELLS: RawFd = 4;
pub(super) const STATISTICS: RawFd = 5;
pub(super) const LOG: RawFd = 6;
pub(super) const TABLE: RawFd = 7;
pub(super) const JOURNAL: RawFd = 8;
pub(super) const INTERRUPT: RawFd = 9;

/// What only some workers have.
pub(super) struct Others<'f> {
    /// By which data is verified.
    pub(super) table: Option<BorrowedFd<'f>>,
    /// Of a durability record.
    pub(super) journal: Option<BorrowedFd<'f>>,
    /// What the vector of its queue signals.
    pub(super) interrupt: Option<BorrowedFd<'f>>,
}

/// Starts a process for `job`.
pub(super) fn launch(
    job: &Job,
    arena: BorrowedFd<'_>,
    doorbells: BorrowedFd<'_>,
    statistics: File,
    log: BorrowedFd<'_>,
    others: &Others<'_>,
) -> io::Result<Child> {
    let mut input = File::from(memfd_create(c"nvmetest-job", MFdFlags::MFD_CLOEXEC)?);
    input.write_all(&serde_json::to_vec(job)?)?;
    input.rewind()?;
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("nvmetest-ioworker")
        .arg(format!("{ROLE_ARGUMENT}={ROLE}"))
        .arg(process::id().to_string())
        .stdin(Stdio::from(input))
        // What it says of a panic is for the terminal; what it has to say to the runner is in the page.
        .stdout(Stdio::null());
    let mut inherited = vec![
        (arena.try_clone_to_owned()?, ARENA),
        (doorbells.try_clone_to_owned()?, DOORBELLS),
        (statistics.into(), STATISTICS),
        (log.try_clone_to_owned()?, LOG),
    ];
    let Others { table, journal, interrupt } = others;
    for (file, descriptor) in [(table, TABLE), (journal, JOURNAL), (interrupt, INTERRUPT)] {
        if let Some(file) = file {
            inherited.push((file.try_clone_to_owned()?, descriptor));
        }
    }
    let mapping = |(parent_fd, child_fd)| FdMapping { parent_fd, child_fd };
    command.fd_mappings(inherited.into_iter().map(mapping).collect()).map_err(io::Error::other)?;
    command.spawn()
}
