//! A file that is not what it claims to be: every byte of it may be wrong.

use std::fs;
use std::panic::Location;
use std::path::Path;

use nvmetest::cmdlog::CmdLog;
use nvmetest::cmdlog::Dump;
use nvmetest::cmdlog::Geometry;
use nvmetest::cmdlog::Selection;
use nvmetest::spec::Cqe;
use nvmetest::spec::Sqe;
use proptest::collection::vec;
use proptest::prelude::*;
use zerocopy::FromZeros;

const GEOMETRY: Geometry = Geometry { rings: 3, entries: 4, sites: 4, marks: 4 };

/// Where the areas of such a log are: the header, the headers of the rings, and so on.
const PAGE: usize = 4096;

#[test]
fn a_healthy_log_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cmdlog");
    let content = healthy(&path);
    assert_eq!(content.len(), 5 * PAGE);
    // The cases below damage this, and so it must have something of each kind to lose.
    let dump = CmdLog::open(&path).unwrap().dump(&Selection::all());
    assert_eq!((dump.records.len(), dump.marks.len(), dump.rings.len()), (8, 4, 3));
}

proptest! {
    // A case that failed is printed whole; no file is left in the tree.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_is_refused(content in vec(any::<u8>(), 0..3 * PAGE)) {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("cmdlog");
        fs::write(&path, content)?;
        prop_assert!(CmdLog::open(&path).is_err());
    }

    #[test]
    fn a_damaged_header_gives_an_error_or_a_log_within_the_file(
        word in 0_usize..12,
        value in prop_oneof![any::<u64>(), 0_u64..8192, Just(u64::MAX)],
        len in prop_oneof![Just(5 * PAGE), 0..6 * PAGE],
    ) {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("cmdlog");
        let mut content = healthy(&path);
        content[word * 8..][..8].copy_from_slice(&value.to_ne_bytes());
        content.resize(len, 0);
        fs::write(&path, content)?;
        read_all(&path)?;
    }

    #[test]
    fn damage_costs_records_and_nothing_else(
        damages in vec(
            (0..5 * PAGE / 8, prop_oneof![any::<u64>(), 0_u64..64, Just(u64::MAX)]),
            1..64,
        ),
    ) {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("cmdlog");
        let mut content = healthy(&path);
        for (word, value) in damages {
            content[word * 8..][..8].copy_from_slice(&value.to_ne_bytes());
        }
        fs::write(&path, content)?;
        read_all(&path)?;
    }

    /// The words that say where to look are few: they are hit by hand.
    #[test]
    fn absurd_counts_are_bounded_by_the_file(
        ring in 0_usize..3,
        owner in 0_u64..8,
        count in prop_oneof![any::<u64>(), 0_u64..64, Just(u64::MAX), Just(1 << 60)],
        marks in prop_oneof![any::<u64>(), Just(u64::MAX)],
        stamps in vec(any::<u64>(), 12),
    ) {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("cmdlog");
        let mut content = healthy(&path);
        content[PAGE + ring * 64..][..8].copy_from_slice(&owner.to_ne_bytes());
        content[PAGE + ring * 64 + 8..][..8].copy_from_slice(&count.to_ne_bytes());
        content[64..72].copy_from_slice(&marks.to_ne_bytes());
        for (entry, stamp) in stamps.into_iter().enumerate() {
            content[4 * PAGE + entry * 128..][..8].copy_from_slice(&stamp.to_ne_bytes());
        }
        fs::write(&path, content)?;
        read_all(&path)?;
    }

    #[test]
    fn noise_is_no_json_lines(content in vec(any::<u8>(), 0..PAGE)) {
        prop_assert!(Dump::read_json_lines(&content[..]).is_err());
    }

    #[test]
    fn damaged_json_lines_are_an_error_or_a_log(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("cmdlog");
        healthy(&path);
        let mut lines = Vec::new();
        CmdLog::open(&path)?.dump(&Selection::all()).write_json_lines(&mut lines)?;
        let at = at.index(lines.len());
        lines[at] = byte;
        if let Ok(dump) = Dump::read_json_lines(&lines[..]) {
            let _ = dump.text().to_string();
        }
    }
}

/// Does all that can be done with a file: nothing may panic, or yield more than the file holds.
fn read_all(path: &Path) -> Result<(), TestCaseError> {
    let Ok(log) = CmdLog::open(path) else { return Ok(()) };
    let dump = log.dump(&Selection::all());
    let Geometry { rings, entries, marks, .. } = log.geometry();
    prop_assert!(dump.records.len() <= (rings * entries) as usize);
    prop_assert!(dump.marks.len() <= marks as usize);
    prop_assert!(dump.rings.len() <= rings as usize);
    let _ = log.records(&Selection::all().failed().lba(..).last(1));
    let text = dump.text().to_string();
    let is_plain = |char: char| char == '\n' || !char.is_control();
    prop_assert!(text.chars().all(is_plain), "{text:?}");
    let mut lines = Vec::new();
    dump.write_json_lines(&mut lines)?;
    prop_assert_eq!(Dump::read_json_lines(&lines[..])?, dump);
    let ring = log.ring(9, 9);
    let token = ring.submitted(&Sqe::new_zeroed(), Location::caller(), 1);
    ring.completed(token, &Cqe::new_zeroed(), 2);
    log.mark("still alive");
    Ok(())
}

/// Makes a log with commands of all outcomes and some marks, and returns what is in the file.
fn healthy(path: &Path) -> Vec<u8> {
    let log = CmdLog::create(path, GEOMETRY).unwrap();
    let rings: Vec<_> = (0..3).map(|queue| log.ring(queue, queue)).collect();
    for n in 0..4 {
        for ring in &rings[..2] {
            let token = ring.submitted(&Sqe::new_zeroed(), Location::caller(), n);
            match n {
                0 => {}
                1 => ring.abandoned(token, n + 1),
                _ => ring.completed(token, &Cqe::new_zeroed(), n + 1),
            }
        }
        log.mark(&format!("mark {n}"));
    }
    fs::read(path).unwrap()
}
