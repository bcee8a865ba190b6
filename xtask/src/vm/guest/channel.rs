//! What comes out of a guest, over sockets that QEMU inherits: none of them has a name.

use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::io::copy;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Child;
use std::process::ChildStderr;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::thread::JoinHandle;

use anyhow::Context;
use command_fds::CommandFdExt;
use command_fds::FdMapping;
use serde_json::json;

use super::super::drive;
use crate::parent_death;

/// What a port ends with, as `init.sh` writes it.
const MARK: &[u8] = b"\0--end-of-the-port--\n";

/// A line from the guest that is longer is none of ours.
const LONGEST_WORD: u64 = 4096;

/// How much of QEMU's own complaints is kept.
const COMPLAINTS: u64 = 64 << 10;

/// What a guest says.
#[derive(Debug)]
pub enum Event {
    /// Its job, byte by byte.
    Output(Vec<u8>),
    /// A port, of which nothing more will come.
    PortEnded,
    /// Its first process, a line.
    Word(String),
}

/// The descriptors that QEMU inherits, behind its standard streams.
#[derive(Debug, Default)]
pub struct Files(Vec<FdMapping>);

impl Files {
    /// Adds a descriptor, and returns its number in the process.
    pub fn add(&mut self, file: impl Into<OwnedFd>) -> RawFd {
        let child_fd = 3 + self.0.len() as RawFd;
        self.0.push(FdMapping { parent_fd: file.into(), child_fd });
        child_fd
    }

    pub fn hand_to(self, command: &mut Command) -> anyhow::Result<()> {
        command.fd_mappings(self.0)?;
        Ok(())
    }
}

/// Our ends of the sockets.
pub struct Channels {
    console: UnixStream,
    output: UnixStream,
    archive: UnixStream,
    words: UnixStream,
    monitor: UnixStream,
}

impl Channels {
    /// Makes the sockets, and the ports that they are in the guest: see `init.sh`.
    pub fn connect(command: &mut Command, files: &mut Files) -> anyhow::Result<Self> {
        let mut socket = |command: &mut Command, name: &str| -> anyhow::Result<UnixStream> {
            let (ours, theirs) = UnixStream::pair()?;
            let fd = files.add(theirs);
            command.arg("-chardev").arg(format!("socket,id={name},fd={fd}"));
            Ok(ours)
        };
        let console = socket(command, "console")?;
        command.args(["-serial", "chardev:console"]);
        command.args(["-device", "virtio-serial-pci,id=ports"]);
        let monitor = socket(command, "monitor")?;
        command.args(["-mon", "chardev=monitor,mode=control"]);
        let mut port = |nr: u8, name: &str| {
            let ours = socket(command, name);
            command.arg("-device");
            command.arg(format!("virtserialport,bus=ports.0,nr={nr},chardev={name},name={name}"));
            ours
        };
        let output = port(1, "output")?;
        let archive = port(2, "archive")?;
        let words = port(3, "words")?;
        Ok(Self { console, output, archive, words, monitor })
    }

    /// Begins to listen. The console is kept in a file, and the archive unpacked into a folder.
    pub fn listen(
        self,
        console: &Path,
        evidence: &Path,
        complaints: ChildStderr,
    ) -> anyhow::Result<Conversation> {
        let (sender, events) = mpsc::channel();
        let mut console_file = File::create(console)?;
        let mut console = self.console;
        let console = thread::spawn(move || {
            // A console that cannot be kept must not stop the guest: it is read on.
            if copy(&mut console, &mut console_file).is_err() {
                let _ = copy(&mut console, &mut std::io::sink());
            }
        });

        let outputs = sender.clone();
        let output = thread::spawn(move || {
            let keep = |bytes: &[u8]| {
                let _ = outputs.send(Event::Output(bytes.to_vec()));
            };
            if read_to_mark(self.output, keep) {
                let _ = outputs.send(Event::PortEnded);
            }
        });

        let mut tar = parent_death::command("tar");
        tar.args(["--extract", "--no-same-owner", "--directory"]).arg(evidence);
        tar.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut tar = tar.spawn().context("tar does not start")?;
        let mut unpacked = tar.stdin.take().context("tar has no standard input")?;
        let archives = sender.clone();
        let archive = thread::spawn(move || {
            // What cannot be unpacked must not stop the guest: it is read on.
            let keep = |bytes: &[u8]| drop(unpacked.write_all(bytes));
            if read_to_mark(self.archive, keep) {
                let _ = archives.send(Event::PortEnded);
            }
        });

        let answer = self.words.try_clone()?;
        let words = self.words;
        let words = thread::spawn(move || {
            let mut words = BufReader::new(words);
            let mut line = Vec::new();
            while let Ok(1..) = words.by_ref().take(LONGEST_WORD).read_until(b'\n', &mut line) {
                let word = String::from_utf8_lossy(&line).trim_end().to_owned();
                let _ = sender.send(Event::Word(word));
                line.clear();
            }
        });

        let complaints = thread::spawn(move || {
            let mut complaints = BufReader::new(complaints);
            let mut text = Vec::new();
            let _ = complaints.by_ref().take(COMPLAINTS).read_to_end(&mut text);
            let _ = copy(&mut complaints, &mut std::io::sink());
            String::from_utf8_lossy(&text).into_owned()
        });

        let mut said = self.monitor.try_clone()?;
        let monitor = thread::spawn(move || {
            // What it answers is of no interest, and must be read.
            let _ = copy(&mut said, &mut std::io::sink());
        });

        let threads = [console, output, archive, words, monitor];
        Ok(Conversation {
            events,
            answer,
            monitor: self.monitor,
            readers: Readers { threads, complaints, tar },
        })
    }
}

/// A guest that is listened to.
pub struct Conversation {
    pub events: Receiver<Event>,
    answer: UnixStream,
    monitor: UnixStream,
    pub readers: Readers,
}

impl Conversation {
    /// Pulls the drive.
    pub fn unplug(&mut self) {
        let commands = [
            json!({ "execute": "qmp_capabilities" }),
            json!({ "execute": "device_del", "arguments": { "id": drive::ID } }),
        ];
        for command in commands {
            // A QEMU that is gone has no drive any more.
            let _ = writeln!(self.monitor, "{command}");
        }
    }

    /// Tells the guest that all is read.
    pub fn dismiss(&mut self) {
        // A guest that is gone already has powered off without it.
        let _ = self.answer.write_all(b"read\n");
    }
}

/// Reads a port to its mark, or to the guest's end. Returns whether the mark was there.
fn read_to_mark(mut port: UnixStream, mut keep: impl FnMut(&[u8])) -> bool {
    // What may be the beginning of the mark.
    let mut held = Vec::new();
    let mut piece = [0; 16 << 10];
    while let Ok(length @ 1..) = port.read(&mut piece) {
        held.extend_from_slice(&piece[..length]);
        if held.ends_with(MARK) {
            keep(&held[..held.len() - MARK.len()]);
            return true;
        }
        let begun = (1..MARK.len()).rev().find(|n| held.ends_with(&MARK[..*n])).unwrap_or(0);
        keep(&held[..held.len() - begun]);
        held.drain(..held.len() - begun);
    }
    keep(&held);
    false
}

/// Those who listen.
pub struct Readers {
    threads: [JoinHandle<()>; 5],
    complaints: JoinHandle<String>,
    tar: Child,
}

impl Readers {
    /// Waits until all is read, which is when QEMU has ended. Returns what QEMU complained of.
    pub fn finish(mut self) -> String {
        for thread in self.threads {
            let _ = thread.join();
        }
        // An archive that ends early leaves what came before.
        let _ = self.tar.wait();
        self.complaints.join().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends `pieces` through a port. Returns what is kept, and whether there was a mark.
    fn read(pieces: &[&[u8]]) -> (Vec<u8>, bool) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut kept = Vec::new();
        let ended = thread::scope(|scope| {
            let reader = scope.spawn(|| read_to_mark(ours, |bytes| kept.extend_from_slice(bytes)));
            for piece in pieces {
                theirs.write_all(piece).unwrap();
            }
            drop(theirs);
            reader.join().unwrap()
        });
        (kept, ended)
    }

    #[test]
    fn a_mark_is_found_however_it_is_cut() {
        for cut in 0..=MARK.len() {
            let (first, second) = MARK.split_at(cut);
            let pieces = [&[b"data\n", first].concat(), second];
            assert_eq!(read(&pieces), (b"data\n".to_vec(), true), "cut at {cut}");
        }
    }

    #[test]
    fn what_only_begins_like_the_mark_is_kept() {
        let half = &MARK[..9];
        assert_eq!(read(&[b"a", half, b"b", half]), ([b"a", half, b"b", half].concat(), false));
    }

    #[test]
    fn the_mark_is_that_of_the_guest() {
        let mark = MARK.escape_ascii().to_string().replace("\\x00", "\\0");
        assert!(include_str!("init.sh").contains(&mark));
    }
}
