//! Threads, processes and files.

use std::env;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;

use super::*;

/// What the child is told: the file of the table, and the number of its writer.
const CHILD: &str = "NVMETEST_INTEGRITY_CHILD";

#[test]
fn threads_with_mappings_of_their_own_have_no_false_alarm() {
    const BLOCKS: u64 = 64;
    let table = Table::anonymous(&geometry(192, BLOCKS)).unwrap();
    let device: Vec<_> = (0..BLOCKS).map(|lba| Mutex::new(data(0, lba))).collect();
    let all = (0..BLOCKS).map(|lba| content(&data(0, lba))).collect::<Vec<_>>();
    let writer = table.writer().unwrap();
    writer.written(writer.writing(0, all.into_iter()).unwrap(), Outcome::Done);
    thread::scope(|scope| {
        for number in 0..4_u64 {
            let (device, file) = (&device, table.file().try_clone().unwrap());
            let id = table.writer().unwrap().id();
            scope.spawn(move || {
                let writer = Writer::with_id(Table::attach(file).unwrap(), id);
                let mut numbers = Numbers(number + 1);
                for turn in 1..20_000_u64 {
                    let lba = numbers.below(8 + numbers.0 as usize % 56) as u64;
                    if numbers.one_in(2) {
                        let reading = writer.reading();
                        let block = device[lba as usize].lock().unwrap().clone();
                        if let Err(miscompare) = writer.read(reading, lba, &block) {
                            panic!("false alarm: {miscompare}");
                        }
                        continue;
                    }
                    let block = data(turn << 3 | number, lba);
                    let writing = writer.writing(lba, [content(&block)].into_iter()).unwrap();
                    *device[lba as usize].lock().unwrap() = block;
                    writer.written(writing, Outcome::Done);
                }
            });
        }
    });
    // And it is not blind: each block has one content in the end.
    // A thread that sleeps for long has what it may return dropped.
    assert!(table.degraded() == 0 && table.unjudged() < 1000, "{table:?}");
    for (lba, block) in (0..).zip(&device) {
        assert!(writer.read(writer.reading(), lba, &block.lock().unwrap()).is_ok());
        assert!(writer.read(writer.reading(), lba, &data(1 << 60, lba)).is_err());
    }
}

#[test]
fn what_a_killed_process_had_in_flight_is_old_or_new() {
    if let Ok(told) = env::var(CHILD) {
        return child(&told);
    }
    let table = Table::anonymous(&geometry(192, 1 << 16)).unwrap();
    let writer = table.writer().unwrap();
    for lba in [1, 2] {
        let writing = writer.writing(lba, [content(&data(1, lba))].into_iter()).unwrap();
        writer.written(writing, Outcome::Done);
    }
    let other = table.writer().unwrap().id();
    let file = format!("/proc/{}/fd/{}", std::process::id(), table.file().as_raw_fd());
    let child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "integrity::tests::sharing::what_a_killed_process_had_in_flight_is_old_or_new",
        ])
        .env(CHILD, format!("{file} {other}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(!child.success(), "it ends by a signal");
    let is_ok = |lba, version| writer.read(writer.reading(), lba, &data(version, lba)).is_ok();
    assert!(is_ok(1, 2) && !is_ok(1, 1), "what was complete is settled");
    assert!(is_ok(2, 1) && is_ok(2, 2), "what is in flight is old or new");
    table.end_writer(other);
    assert!(is_ok(2, 2) && !is_ok(2, 1), "a read settles what was left behind");
}

/// Writes a block, starts to write another, and is gone.
fn child(told: &str) {
    let (path, id) = told.split_once(' ').unwrap();
    let file = File::options().read(true).write(true).open(path).unwrap();
    let writer = Writer::with_id(Table::attach(file).unwrap(), id.parse().unwrap());
    let writing = |lba| writer.writing(lba, [content(&data(2, lba))].into_iter()).unwrap();
    writer.written(writing(1), Outcome::Done);
    writing(2);
    std::process::abort();
}

#[test]
fn a_huge_namespace_costs_only_what_is_touched() {
    // 8 TB in blocks of 512 bytes.
    let table = Table::anonymous(&geometry(512, 8_000_000_000_000 / 512)).unwrap();
    let writer = table.writer().unwrap();
    let last = table.blocks() - 1;
    for lba in [0, last / 2, last] {
        let writing = writer.writing(lba, [Content::Data(7)].into_iter()).unwrap();
        writer.written(writing, Outcome::Done);
        assert!(writer.read(writer.reading(), lba, &[1; 512]).is_err());
    }
    // A deallocation of all of it looks at what was written only.
    let writing = writer.filling(0..last + 1, Content::Deallocated, true).unwrap();
    writer.written(writing, Outcome::Done);
    assert!(writer.read(writer.reading(), last, &[0; 512]).is_ok());
    let used = table.file().metadata().unwrap().blocks() * 512;
    assert!(used < 16 << 20, "{used} bytes are in use");
}

#[test]
fn a_table_in_a_file_survives_its_process_and_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    let geometry = geometry(192, 1000);
    let table = Table::open(&path, &geometry).unwrap();
    let error = Table::open(&path, &geometry).unwrap_err().to_string();
    assert!(error.contains("cannot lock"), "{error}");
    let writer = table.writer().unwrap();
    let write =
        |lba, version| writer.writing(lba, [content(&data(version, lba))].into_iter()).unwrap();
    writer.written(write(1, 1), Outcome::Done);
    writer.written(write(2, 1), Outcome::Done);
    write(2, 2);
    drop((writer, table));

    let table = Table::open(&path, &geometry).unwrap();
    let writer = table.writer().unwrap();
    let is_ok = |lba, version| writer.read(writer.reading(), lba, &data(version, lba)).is_ok();
    assert!(is_ok(1, 1) && !is_ok(1, 2));
    assert!(is_ok(2, 2) && !is_ok(2, 1), "what was in flight is old or new, until it is read");
    drop((writer, table));

    let others = [
        Geometry { blocks: 1001, ..geometry.clone() },
        Geometry { block: 512, ..geometry.clone() },
        Geometry { identity: "another".to_owned(), ..geometry.clone() },
    ];
    for other in others {
        let error = Table::open(&path, &other).unwrap_err().to_string();
        assert!(error.contains("is no integrity table for this namespace"), "{error}");
    }
    std::fs::write(&path, "something else").unwrap();
    let error = Table::open(&path, &geometry).unwrap_err().to_string();
    assert!(error.contains("14 bytes"), "{error}");
}
