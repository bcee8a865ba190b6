//! No room, and processes that end or stop where others wait for them.

use std::env;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::process;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::sys::signal::raise;

use super::*;
use crate::integrity::bucket::Bucket;

/// What a child is told: the file of the table, or the folder for it.
const CHILD: &str = "NVMETEST_INTEGRITY_TROUBLE";
const LBA: u64 = 3;
const DEADLINE: Duration = Duration::from_secs(10);

/// This test again, as another process.
fn again(program: &[&str], test: &str, told: &str) -> Command {
    let exe = env::current_exe().unwrap();
    let words = program.iter().map(|word| (*word).into()).chain([exe.into_os_string()]);
    let words: Vec<std::ffi::OsString> = words.collect();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(["--exact", &format!("integrity::tests::trouble::{test}")]);
    command.env(CHILD, told).stdout(Stdio::null());
    command
}

fn path_of(table: &Table) -> String {
    format!("/proc/{}/fd/{}", process::id(), table.file().as_raw_fd())
}

/// Has the lock of a bucket, and keeps it.
fn lock_for_good(path: &str) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let table = Table::attach(file).unwrap();
    let words = table.memory.bucket(LBA).unwrap();
    std::mem::forget(Bucket::lock(&table.memory, words).unwrap());
}

fn written() -> (Table, Writer) {
    let table = Table::anonymous(&geometry(192, 1 << 16)).unwrap();
    let writer = table.writer().unwrap();
    let writing = writer.writing(LBA, [content(&data(1, LBA))].into_iter()).unwrap();
    writer.written(writing, Outcome::Done);
    (table, writer)
}

/// Writes the next version, and reads it.
fn goes_on(writer: &Writer) {
    let writing = writer.writing(LBA, [content(&data(2, LBA))].into_iter()).unwrap();
    writer.written(writing, Outcome::Done);
    let read = |version| writer.read_block(writer.reading(), LBA, &data(version, LBA));
    assert!(read(2).is_ok() && read(1).is_err());
}

#[test]
fn a_lock_of_a_process_that_died_is_taken_over() {
    if let Ok(path) = env::var(CHILD) {
        lock_for_good(&path);
        process::abort();
    }
    let (table, writer) = written();
    let status =
        again(&[], "a_lock_of_a_process_that_died_is_taken_over", &path_of(&table)).status();
    assert!(!status.unwrap().success(), "it ends by a signal");
    let start = Instant::now();
    goes_on(&writer);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(table.unjudged(), 0);
}

#[test]
fn a_process_that_is_stopped_with_a_lock_is_named_and_nobody_waits_for_it() {
    if let Ok(path) = env::var(CHILD) {
        lock_for_good(&path);
        raise(Signal::SIGSTOP).unwrap();
        process::abort();
    }
    let (table, writer) = written();
    let name = "a_process_that_is_stopped_with_a_lock_is_named_and_nobody_waits_for_it";
    let child = Ended(again(&[], name, &path_of(&table)).spawn().unwrap());
    let start = Instant::now();
    let error = loop {
        match writer.writing(LBA, [content(&data(9, LBA))].into_iter()) {
            Ok(writing) => writer.written(writing, Outcome::NotSent),
            Err(error) => break error.to_string(),
        }
        assert!(start.elapsed() < DEADLINE, "it never stopped");
    };
    assert!(start.elapsed() < DEADLINE, "{:?}", start.elapsed());
    assert!(error.contains(&format!("process {} was stopped", child.0.id())), "{error}");
    // Those who come later do not wait again.
    let start = Instant::now();
    for _ in 0..20 {
        assert!(writer.writing(LBA, [Content::Data(7)].into_iter()).is_err());
        assert!(writer.read_block(writer.reading(), LBA, &data(2, LBA)).is_ok());
    }
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(table.unjudged(), 20);
    drop(child);
    goes_on(&writer);
}

/// A process that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

#[test]
fn a_full_disk_is_an_error_that_says_how_much_was_needed() {
    if let Ok(folder) = env::var(CHILD) {
        return full_disk(&folder);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    // A file system of one megabyte, which only the child has.
    let mount = "mount -t tmpfs -o size=1m none \"$0\" && exec \"$@\"";
    let program = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, path];
    let name = "a_full_disk_is_an_error_that_says_how_much_was_needed";
    let output = again(&program, name, path).stdout(Stdio::piped()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{output:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

fn full_disk(folder: &str) {
    let path = std::path::Path::new(folder).join("table");
    let geometry = geometry(192, 1 << 30);
    let table = Table::open(&path, &geometry).unwrap();
    let writer = table.writer().unwrap();
    let write = |lba| writer.writing(lba, [content(&data(1, lba))].into_iter());
    let mut lba = 0;
    let error = loop {
        match write(lba) {
            Ok(writing) => writer.written(writing, Outcome::Done),
            Err(error) => break error.to_string(),
        }
        lba += 1 << 16;
        assert!(lba < 1 << 24, "it is never full");
    };
    let needed = "16384 bytes more were needed";
    assert!(error.contains(needed) && error.contains("free that much"), "{error}");
    assert!(error.contains(folder) && error.contains("No space left"), "{error}");
    // What was known before is known still.
    assert!(0 < lba && writer.read_block(writer.reading(), 0, &data(1, 0)).is_ok());
    assert!(writer.read_block(writer.reading(), 0, &data(2, 0)).is_err());
    // Another one is not even begun, and nothing is left of it.
    let other = path.with_file_name("other");
    let error = Table::open(&other, &geometry).unwrap_err().to_string();
    assert!(error.contains("bytes more were needed") && !other.exists(), "{error}");
}

#[test]
fn a_table_for_which_there_is_no_memory_is_an_error_that_says_how_much() {
    let error = Table::anonymous(&geometry(512, 1 << 46)).unwrap_err().to_string();
    let bytes = error.split(' ').find_map(|word| word.parse::<u64>().ok());
    assert!(bytes.is_some_and(|bytes| 1 << 49 < bytes), "{error}");
    assert!(error.contains("integrity table"), "{error}");
}
