//! The rule, case by case.

use std::os::unix::fs::MetadataExt;

use super::*;

fn table() -> (Table, Writer) {
    let table = Table::anonymous(&geometry(192, 1 << 20)).unwrap();
    let writer = table.writer().unwrap();
    (table, writer)
}

fn writing(writer: &Writer, lba: u64, block: &[u8]) -> Writing {
    writer.writing(lba, [content(block)].into_iter()).unwrap()
}

fn write(writer: &Writer, lba: u64, block: &[u8]) {
    let writing = writing(writer, lba, block);
    writer.written(writing, Outcome::Done);
}

fn is_ok(writer: &Writer, lba: u64, block: &[u8]) -> bool {
    writer.read_block(writer.reading(), lba, block).is_ok()
}

#[test]
fn what_was_written_last_is_read() {
    let (_, writer) = table();
    assert!(is_ok(&writer, 3, &[7; 192]), "nothing is known of a block that was never written");
    let (old, new) = (data(1, 3), data(2, 3));
    write(&writer, 3, &old);
    assert!(is_ok(&writer, 3, &old));
    write(&writer, 3, &new);
    assert!(is_ok(&writer, 3, &new) && !is_ok(&writer, 3, &old));
    let miscompare = writer.read_block(writer.reading(), 3, &old).unwrap_err();
    assert_eq!(miscompare.verdict, Verdict::Stale);
}

/// The words of blocks stand in pieces, of which one may be there and the next one not.
#[test]
fn each_of_many_blocks_that_are_read_is_judged() {
    // Words of 8 bytes, and pieces of 16 KiB.
    const END: u64 = (16 << 10) / 8;
    let (table, writer) = table();
    let filled: Vec<u64> = (END - 4..END).collect();
    let blocks = |version| filled.iter().flat_map(|lba| data(version, *lba)).collect::<Vec<u8>>();
    filled.iter().for_each(|lba| write(&writer, *lba, &data(1, *lba)));
    let is_ok = |bytes: &[u8]| writer.read_blocks(writer.reading(), END - 4, bytes);
    // Nothing is known of what follows.
    let whole = [blocks(1), vec![9; 3 * 192]].concat();
    assert!(is_ok(&whole).is_ok());
    for (number, lba) in filled.iter().enumerate() {
        let mut wrong = whole.clone();
        wrong[number * 192 + 100] ^= 1;
        assert_eq!(is_ok(&wrong).unwrap_err().lba, *lba);
    }
    // As well where the records of the blocks are gone, and their words say all.
    let others = 1 << 17..(1 << 17) + 5 * (1 << 16);
    let filling = writer.filling(others, Content::Zeroes, false).unwrap();
    writer.written(filling, Outcome::Done);
    assert!(is_ok(&whole).is_ok());
    for (number, lba) in filled.iter().enumerate() {
        let mut wrong = whole.clone();
        wrong[number * 192 + 100] ^= 1;
        assert_eq!(is_ok(&wrong).unwrap_err().lba, *lba);
    }
    assert_eq!(table.unjudged(), 0);
    // What the namespace does not have is nobody's.
    assert!(writer.read_blocks(writer.reading(), u64::MAX - 1, &[1; 4 * 192]).is_ok());
}

#[test]
fn a_read_that_overlaps_a_write_returns_old_or_new() {
    let (_, writer) = table();
    let (old, new) = (data(1, 3), data(2, 3));
    write(&writer, 3, &old);
    let before = writer.reading();
    let writing = writing(&writer, 3, &new);
    let during = writer.reading();
    for reading in [before, during] {
        assert!(
            writer.read_block(reading, 3, &old).is_ok()
                && writer.read_block(reading, 3, &new).is_ok()
        );
    }
    writer.written(writing, Outcome::Done);
    for reading in [before, during] {
        assert!(
            writer.read_block(reading, 3, &old).is_ok()
                && writer.read_block(reading, 3, &new).is_ok()
        );
        assert!(writer.read_block(reading, 3, &data(3, 3)).is_err());
    }
    assert!(!is_ok(&writer, 3, &old) && is_ok(&writer, 3, &new));
}

#[test]
fn a_read_settles_what_overlapping_writes_left() {
    for winner in [0, 1] {
        let (_, writer) = table();
        let versions = [data(1, 3), data(2, 3)];
        let in_flight: Vec<_> = versions.iter().map(|block| writing(&writer, 3, block)).collect();
        in_flight.into_iter().for_each(|writing| writer.written(writing, Outcome::Done));
        assert!(is_ok(&writer, 3, &versions[winner]));
        assert!(!is_ok(&writer, 3, &versions[1 - winner]), "it was settled");
        assert!(is_ok(&writer, 3, &versions[winner]));
    }
}

/// A read has settled the last of them, which may be deallocated late; then some fail that may have been executed.
#[test]
fn what_a_read_has_settled_stays_when_there_is_much_to_forget() {
    let (_, writer) = table();
    let versions = [data(1, 3), data(2, 3)];
    let hole = writer.filling(3..4, Content::Deallocated, false).unwrap();
    let in_flight: Vec<_> = versions.iter().map(|block| writing(&writer, 3, block)).collect();
    writer.written(hole, Outcome::Done);
    in_flight.into_iter().for_each(|writing| writer.written(writing, Outcome::Done));
    assert!(is_ok(&writer, 3, &versions[1]));
    for version in 3..40 {
        writer.written(writing(&writer, 3, &data(version, 3)), Outcome::Maybe);
    }
    assert!(!is_ok(&writer, 3, &versions[0]));
    assert!(is_ok(&writer, 3, &versions[1]), "none of those that failed supersedes it");
}

/// What one has as its word, others that began earlier have not.
#[test]
fn a_block_that_is_quiet_is_judged_as_one_that_is_written() {
    let (table, writer) = table();
    let before = writer.reading();
    write(&writer, 3, &data(1, 3));
    let between = writer.reading();
    for version in 2..100 {
        write(&writer, 3, &data(version, 3));
    }
    let judge = |reading, version| writer.read_block(reading, 3, &data(version, 3)).is_ok();
    for version in [1, 2, 50, 98, 99] {
        assert!(judge(before, version) && judge(between, version), "version {version}");
        assert_eq!(judge(writer.reading(), version), version == 99, "version {version}");
    }
    assert!(judge(before, 100) && !judge(between, 100), "nothing is known of what was before");
    let writing = writing(&writer, 3, &data(100, 3));
    assert!(judge(writer.reading(), 99) && judge(writer.reading(), 100));
    writer.written(writing, Outcome::Done);
    assert!(!judge(writer.reading(), 99) && judge(writer.reading(), 100));
    assert_eq!((table.degraded(), table.unjudged()), (0, 0));
}

#[test]
fn a_write_that_failed_or_was_left_behind_is_old_or_new() {
    let (table, writer) = table();
    let (old, new) = (data(1, 3), data(2, 3));
    for is_killed in [false, true] {
        write(&writer, 3, &old);
        if is_killed {
            let other = table.writer().unwrap();
            writing(&other, 3, &new);
            table.end_writer(other.id());
        } else {
            writer.written(writing(&writer, 3, &new), Outcome::Maybe);
        }
        assert!(!is_ok(&writer, 3, &data(9, 3)));
        assert!(is_ok(&writer, 3, &new) && !is_ok(&writer, 3, &old), "the first read settles it");
        write(&writer, 3, &old);
        assert!(is_ok(&writer, 3, &old) && !is_ok(&writer, 3, &new));
    }
}

#[test]
fn a_write_that_was_never_sent_leaves_nothing() {
    let (_, writer) = table();
    let (old, new) = (data(1, 3), data(2, 3));
    write(&writer, 3, &old);
    writer.written(writing(&writer, 3, &new), Outcome::NotSent);
    assert!(is_ok(&writer, 3, &old) && !is_ok(&writer, 3, &new));
}

#[test]
fn thousands_of_writes_at_a_time_are_all_judged() {
    const WRITES: u64 = 4 * 1024;
    let (table, writer) = table();
    write(&writer, 3, &data(1 << 40, 3));
    let all: Vec<_> = (0..WRITES).map(|version| writing(&writer, 3, &data(version, 3))).collect();
    let during = writer.reading();
    let judge = |reading, version| writer.read_block(reading, 3, &data(version, 3)).is_ok();
    for version in [0, 1, WRITES / 2, WRITES - 1, 1 << 40] {
        assert!(judge(during, version), "version {version} may be read");
    }
    assert!(!judge(during, WRITES));
    all.into_iter().for_each(|writing| writer.written(writing, Outcome::Done));
    assert!(judge(during, 1 << 40) && !judge(writer.reading(), 1 << 40));
    assert!(judge(writer.reading(), 4) && !judge(writer.reading(), 5), "a read settles it");
    assert_eq!((table.degraded(), table.unjudged()), (0, 0));
}

#[test]
fn a_read_is_judged_though_a_thousand_writes_have_passed_it() {
    let (table, writer) = table();
    write(&writer, 3, &data(1 << 40, 3));
    let reading = writer.reading();
    (0..1000).for_each(|version| write(&writer, 3, &data(version, 3)));
    let judge = |version| writer.read_block(reading, 3, &data(version, 3)).is_ok();
    assert!(judge(1 << 40) && judge(0) && judge(500) && judge(999) && !judge(1000));
    assert_eq!(table.unjudged(), 0);
}

#[test]
fn what_a_block_had_is_forgotten_in_the_end() {
    let (table, writer) = table();
    let reading = writer.reading();
    (0..40_000).for_each(|version| write(&writer, 3, &data(version, 3)));
    assert!(writer.read_block(reading, 3, &data(100_001, 3)).is_ok());
    assert_eq!(table.unjudged(), 1, "it was in flight for too long");
    let used = table.file().metadata().unwrap().blocks() * 512;
    assert!(used < 2 << 20, "{used} bytes are in use");
}

#[test]
fn writes_that_fail_again_and_again_take_no_memory() {
    let (table, writer) = table();
    let (old, new) = (data(1, 3), data(2, 3));
    write(&writer, 3, &old);
    let fail = |block| writer.written(writing(&writer, 3, block), Outcome::Maybe);
    let before = table.file().metadata().unwrap().blocks();
    (0..100_000).for_each(|_| fail(&new));
    assert_eq!(table.file().metadata().unwrap().blocks(), before);
    assert!(!is_ok(&writer, 3, &data(3, 3)));
    assert!(is_ok(&writer, 3, &old) && !is_ok(&writer, 3, &new));
}

#[test]
fn without_room_a_block_is_judged_again_when_its_writers_are_gone() {
    for is_killed in [false, true] {
        let mut table = Table::anonymous(&geometry(192, 4)).unwrap();
        table.squeeze(1, 4096, 3);
        let [writer, other] = [(); 2].map(|()| table.writer().unwrap());
        let all: Vec<_> = (0..100).map(|version| writing(&other, 3, &data(version, 3))).collect();
        assert_ne!(table.degraded(), 0);
        assert!(is_ok(&writer, 3, &data(7, 3)) && table.unjudged() == 1);
        write(&writer, 3, &data(200, 3));
        assert!(is_ok(&writer, 3, &data(7, 3)), "those that are in flight may come later");
        if is_killed {
            table.end_writer(other.id());
        } else {
            all.into_iter().for_each(|writing| other.written(writing, Outcome::Done));
        }
        let unjudged = table.unjudged();
        write(&writer, 3, &data(201, 3));
        assert!(is_ok(&writer, 3, &data(201, 3)) && !is_ok(&writer, 3, &data(7, 3)));
        assert_eq!(table.unjudged(), unjudged, "the next write is judged again");
    }
}

#[test]
fn nodes_go_back_to_the_pool_and_come_again() {
    let (table, writer) = table();
    let used = |table: &Table| table.file().metadata().unwrap().blocks() * 512;
    let mut most = 0;
    for lba in 0..12 {
        let all: Vec<_> =
            (0..1000).map(|version| writing(&writer, lba, &data(version, lba))).collect();
        all.into_iter().for_each(|writing| writer.written(writing, Outcome::Done));
        most = most.max(if lba == 5 { used(&table) } else { 0 });
        assert!(is_ok(&writer, lba, &data(4, lba)));
        // What is old is forgotten.
        for lba in 0..20_000 {
            write(&writer, 2000 + lba % 64, &data(1, lba % 64));
        }
        assert!(is_ok(&writer, lba, &data(4, lba)) && !is_ok(&writer, lba, &data(5, lba)));
    }
    assert!(used(&table) <= most + (64 << 10), "{} bytes are in use, {most} before", used(&table));
}

#[test]
fn what_is_known_of_many_blocks_is_kept_when_records_are_reused() {
    let (table, writer) = table();
    // Blocks whose records stand in one bucket, as far as that can be known.
    let blocks = 1 << 20;
    for lba in (0..blocks).step_by(1009) {
        write(&writer, lba, &data(1, lba));
    }
    for lba in (0..blocks).step_by(1009) {
        assert!(is_ok(&writer, lba, &data(1, lba)) && !is_ok(&writer, lba, &data(2, lba)), "{lba}");
    }
    assert_eq!((table.degraded(), table.unjudged()), (0, 0));
}

#[test]
fn zeroes_deallocation_and_uncorrectable_blocks_have_their_rules() {
    let (table, writer) = table();
    let (old, zeroes) = (data(1, 3), vec![0; 192]);
    let fill = |content| {
        let writing = writer.filling(3..4, content, content == Content::Deallocated).unwrap();
        writer.written(writing, Outcome::Done);
    };
    write(&writer, 3, &old);
    fill(Content::Zeroes);
    assert!(is_ok(&writer, 3, &zeroes) && !is_ok(&writer, 3, &old));
    write(&writer, 3, &old);
    fill(Content::Deallocated);
    assert!(is_ok(&writer, 3, &old), "deallocation is a hint");
    assert!(is_ok(&writer, 3, &zeroes) && !is_ok(&writer, 3, &old), "it was taken");
    fill(Content::Uncorrectable);
    let miscompare = writer.read_block(writer.reading(), 3, &old).unwrap_err();
    assert_eq!(miscompare.verdict, Verdict::Correctable);
    table.forget_all().unwrap();
    assert!(is_ok(&writer, 3, &old));
}

#[test]
fn blocks_that_there_are_not_are_refused() {
    let (table, writer) = table();
    let error = writer.writing(table.blocks(), [Content::Zeroes].into_iter()).unwrap_err();
    assert!(error.to_string().contains("LBA 0x100000"), "{error}");
    assert!(writer.filling(0..u64::MAX, Content::Zeroes, false).is_err());
}
