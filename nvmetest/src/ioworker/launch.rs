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

/// The files of what is noted of commands, where anything is.
pub(super) struct Noted<'f> {
    /// By which data is verified.
    pub(super) table: Option<&'f File>,
    /// Of a durability record.
    pub(super) journal: Option<&'f File>,
}

/// Starts a process for `job`.
pub(super) fn launch(
    job: &Job,
    arena: BorrowedFd<'_>,
    doorbells: BorrowedFd<'_>,
    statistics: File,
    log: BorrowedFd<'_>,
    noted: &Noted<'_>,
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
    for (file, descriptor) in [(noted.table, TABLE), (noted.journal, JOURNAL)] {
        if let Some(file) = file {
            inherited.push((file.try_clone()?.into(), descriptor));
        }
    }
    let mapping = |(parent_fd, child_fd)| FdMapping { parent_fd, child_fd };
    command.fd_mappings(inherited.into_iter().map(mapping).collect()).map_err(io::Error::other)?;
    command.spawn()
}
