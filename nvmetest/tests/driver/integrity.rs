//! Data that is verified: on the soft controller, whose media is a file that the tests damage.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nvmetest::CreateIoCq;
use nvmetest::CreateIoSq;
use nvmetest::DsmAttributes;
use nvmetest::DsmRange;
use nvmetest::Format;
use nvmetest::Namespace;
use nvmetest::integrity::Miscompare;
use nvmetest::integrity::Stamp;
use nvmetest::integrity::Verdict;
use nvmetest::prelude::*;
use nvmetest::spec::NvmOpcode;
use nvmetest::spec::Sqe;
use nvmetest_fixtures::soft;
use tempfile::TempDir;

use super::fake::Fake;
use super::fake::Reply;

const BLOCK: usize = 512;

/// A drive, and the file that is its media.
struct Drive {
    nvme: Controller,
    media: File,
    _folder: TempDir,
}

impl Drive {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("media");
        let uri = format!("soft:size=1MiB,lba={BLOCK},file={}", path.display());
        let nvme = soft::controller(&uri).expect("a soft controller");
        let media = File::options().read(true).write(true).open(path).expect("its media");
        Self { nvme, media, _folder: folder }
    }

    /// What stands on the media.
    fn block(&self, lba: u64) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        self.media.read_exact_at(&mut block, lba * BLOCK as u64).expect("a block");
        block
    }

    fn damage(&self, lba: u64, block: &[u8]) {
        self.media.write_all_at(block, lba * BLOCK as u64).expect("a block");
    }
}

fn fill(buffer: &mut Buffer, slba: u64, version: u64) {
    for (lba, block) in (slba..).zip(buffer.chunks_exact_mut(BLOCK)) {
        Stamp { lba, version, writer: 1, seed: 3 }.fill(block);
    }
}

fn miscompare(result: Result<impl Sized>) -> Miscompare {
    match result {
        Err(Error::Miscompare { miscompare, .. }) => *miscompare,
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("no error"),
    }
}

#[test]
fn each_kind_of_damage_has_its_verdict_and_names_both_commands() -> Result {
    let drive = Drive::new();
    let nvme = &drive.nvme;
    let (q, ns) = (nvme.qpair(8)?, nvme.first_namespace()?);
    ns.verify_data(true)?;
    let mut data = nvme.buffer(8 * BLOCK);
    fill(&mut data, 8, 1);
    ns.write(&data, 8).run(&q)?;
    let old = drive.block(9);
    fill(&mut data, 8, 2);
    ns.write(&data, 8).run(&q)?;
    let before = data.to_vec();
    ns.read(&mut data, 8).run(&q)?;
    assert_eq!(before, &data[..], "what is verified is not modified");

    let good = drive.block(9);
    let mut flipped = good.clone();
    flipped[100] ^= 0x20;
    let torn = [&good[..256], &old[256..]].concat();
    let stamp = |lba, version| Some(Stamp { lba, version, writer: 1, seed: 3 });
    let cases = [
        (old.clone(), Verdict::Stale),
        (drive.block(10), Verdict::Misdirected { of: 10 }),
        (flipped, Verdict::BitError { bits: vec![(100, 0x20)] }),
        (torn, Verdict::Torn { parts: vec![(0..256, stamp(9, 2)), (256..512, stamp(9, 1))] }),
        (vec![0; BLOCK], Verdict::Zeroed),
        (vec![0xa5; BLOCK], Verdict::NeverWritten),
    ];
    for (damaged, verdict) in cases {
        drive.damage(9, &damaged);
        let found = miscompare(ns.read(&mut data, 8).run(&q));
        assert_eq!((found.lba, &found.verdict), (9, &verdict));
        let text = found.to_string();
        assert!(text.contains("read by Read (02h) on queue 1"), "{text}");
        assert!(text.contains("written last by Write (01h) on queue 1"), "{text}");
        assert!(text.contains("integrity.rs"), "{text}");
    }
    drive.damage(9, &good);
    ns.read(&mut data, 8).run(&q)?;

    drive.damage(9, &old);
    ns.verify_data(false)?;
    ns.read(&mut data, 8).run(&q)?;
    Ok(())
}

#[test]
fn tickets_scopes_and_comparisons_fail_with_the_verdict() -> Result {
    let drive = Drive::new();
    let nvme = &drive.nvme;
    let (q, ns) = (nvme.qpair(8)?, nvme.first_namespace()?);
    ns.verify_data(true)?;
    // Whole pages, which would be plain.
    let mut data = nvme.buffer(4096);
    fill(&mut data, 0, 1);
    ns.write(&data, 0).run(&q)?;
    let mut wrong = drive.block(3);
    wrong[0] ^= 1;
    drive.damage(3, &wrong);

    let waited = q.scope(|io| ns.read(&mut data, 0).submit(io).wait().map(drop));
    assert_eq!(miscompare(waited).lba, 3);
    let dropped = q.scope(|io| {
        ns.read(&mut data, 0).submit(io);
        Ok(())
    });
    assert_eq!(miscompare(dropped).lba, 3);
    let all = q.run_all([ns.read(&mut data, 0)]);
    assert_eq!(miscompare(all).lba, 3);
    // The read has brought what is wrong: to compare with it succeeds, and should not.
    assert_eq!(miscompare(ns.compare(&data, 0).run(&q)).lba, 3);
    // In pieces, of which a block has several.
    let pieces: Vec<_> = data.slice_mut(0..4096).into_chunks(1024).collect();
    assert_eq!(miscompare(ns.read(pieces, 0).layout(Layout::Sgl).run(&q)).lba, 3);
    ns.write(&data, 0).run(&q)?;
    ns.read(&mut data, 0).run(&q)?;
    Ok(())
}

/// Everything that changes blocks, and what is read afterwards: each time a block of the media is damaged.
#[test]
fn all_that_changes_blocks_is_noted() -> Result {
    type Change = fn(&Controller, &Qpair<'_>, Namespace<'_>) -> Result;
    let changes: [(&str, Change, bool); 6] = [
        ("write zeroes", |_, q, ns| ns.write_zeroes(0, 8).run(q).map(drop), true),
        (
            "raw write",
            |nvme, q, ns| {
                let mut sqe = Sqe::with_opcode(NvmOpcode::WRITE.0);
                (sqe.nsid, sqe.cdw12) = (ns.nsid().into(), 7.into());
                let mut data = nvme.buffer(8 * BLOCK);
                data.fill(0x77);
                Command::<Nvm, _>::raw(sqe, data.slice(0..8 * BLOCK)).run(q).map(drop)
            },
            true,
        ),
        (
            "deallocate",
            |nvme, q, ns| {
                let mut ranges = nvme.buffer(4096);
                DsmRange::fill(&mut ranges, &[DsmRange::new(0, 3), DsmRange::new(3, 5)]);
                ns.dataset_management(&ranges, 2, DsmAttributes::DEALLOCATE).run(q).map(drop)
            },
            false,
        ),
        (
            "write uncorrectable and write",
            |nvme, q, ns| {
                ns.write_uncorrectable(0, 8).run(q)?;
                let mut data = nvme.buffer(4096);
                ns.read(&mut data, 0).expect(Status::UNRECOVERED_READ_ERROR).run(q)?;
                data.fill(1);
                ns.write(&data, 0).run(q).map(drop)
            },
            true,
        ),
        (
            "a write that fails",
            |nvme, q, ns| {
                let data = nvme.buffer(4096);
                let beyond = ns.capacity() - 4;
                ns.write(&data, beyond).expect(Status::LBA_OUT_OF_RANGE).run(q)?;
                let mut data = nvme.buffer(2048);
                ns.read(&mut data, beyond).run(q).map(drop)
            },
            true,
        ),
        (
            "many writes at a time",
            |nvme, q, ns| {
                let mut data = nvme.buffer(4096 * 8);
                for (number, page) in (0_u8..).zip(data.chunks_exact_mut(4096)) {
                    page.fill(number);
                }
                let data = &data;
                q.scope(|io| {
                    for number in 0..8 {
                        ns.write(data.slice(number * 4096..(number + 1) * 4096), 0).submit(io);
                    }
                    io.waitdone(8)
                })
            },
            true,
        ),
    ];
    for (name, change, is_certain) in changes {
        let drive = Drive::new();
        let nvme = &drive.nvme;
        let (q, ns) = (nvme.qpair(16)?, nvme.first_namespace()?);
        ns.verify_data(true)?;
        let mut data = nvme.buffer(8 * BLOCK);
        fill(&mut data, 0, 1);
        ns.write(&data, 0).run(&q)?;
        change(nvme, &q, ns)?;
        ns.read(&mut data, 0).run(&q).unwrap_or_else(|error| panic!("{name}: {error}"));
        if is_certain {
            drive.damage(5, &[0xee; BLOCK]);
            assert_eq!(miscompare(ns.read(&mut data, 0).run(&q)).lba, 5, "{name}");
        }
        assert_eq!(ns.verified_by().map(|table| table.unjudged()), Some(0), "{name}");
    }
    Ok(())
}

#[test]
fn a_format_ends_it_and_it_can_begin_again() -> Result {
    let mut drive = Drive::new();
    let nsid = drive.nvme.first_namespace()?.nsid();
    drive.nvme.first_namespace()?.verify_data(true)?;
    drive.nvme.format(nsid, Format::default()).run()?;
    let ns = drive.nvme.first_namespace()?;
    assert!(ns.verified_by().is_none());
    ns.verify_data(true)?;
    let (q, mut data) = (drive.nvme.qpair(2)?, drive.nvme.buffer(ns.block()));
    ns.read(&mut data, 0).run(&q)?;
    Ok(())
}

#[test]
fn a_session_is_verified_from_the_first_namespace_on_and_after_resets_and_formats() -> Result {
    let mut drive = Drive::new();
    let nsid = drive.nvme.first_namespace()?.nsid();
    drive.nvme.verify_data(true)?;
    let finds_damage = |drive: &Drive| -> Result {
        let nvme = &drive.nvme;
        let (q, ns) = (nvme.qpair(2)?, nvme.first_namespace()?);
        let mut data = nvme.buffer(BLOCK);
        fill(&mut data, 4, 1);
        ns.write(&data, 4).run(&q)?;
        drive.damage(4, &[9; BLOCK]);
        assert_eq!(miscompare(ns.read(&mut data, 4).run(&q)).lba, 4);
        Ok(())
    };
    finds_damage(&drive)?;
    drive.nvme.reset()?;
    let written_before = {
        let nvme = &drive.nvme;
        // The namespace was identified before: what was known is known.
        let (q, mut data) = (nvme.qpair(2)?, nvme.buffer(BLOCK));
        miscompare(nvme.first_namespace()?.read(&mut data, 4).run(&q))
    };
    assert_eq!(written_before.lba, 4);
    drive.nvme.format(nsid, Format::default()).run()?;
    finds_damage(&drive)?;

    drive.nvme.verify_data(false)?;
    let nvme = &drive.nvme;
    let (q, mut data) = (nvme.qpair(2)?, nvme.buffer(BLOCK));
    nvme.first_namespace()?.read(&mut data, 4).run(&q)?;
    Ok(())
}

#[test]
fn a_test_may_decline_what_the_session_verifies() -> Result {
    let drive = Drive::new();
    let nvme = &drive.nvme;
    nvme.verify_data(true)?;
    nvme.first_namespace()?.verify_data(false)?;
    assert!(nvme.first_namespace()?.verified_by().is_none());
    nvme.first_namespace()?.verify_data(true)?;
    assert!(nvme.first_namespace()?.verified_by().is_some());
    Ok(())
}

#[test]
fn it_does_not_begin_while_there_is_a_queue_made_by_hand() -> Result {
    let drive = Drive::new();
    let nvme = &drive.nvme;
    nvme.verify_data(true)?;
    let cq = nvme.raw_completion_queue(CreateIoCq::contiguous(1, 4))?;
    let sq = nvme.raw_submission_queue(CreateIoSq::contiguous(1, 4, 1))?;
    let ns = nvme.first_namespace()?;
    assert!(ns.verified_by().is_none());
    let error = ns.verify_data(true).unwrap_err().to_string();
    assert!(error.contains("a queue made by hand"), "{error}");
    drop(sq);
    drop(cq);
    assert!(nvme.first_namespace()?.verified_by().is_some());
    Ok(())
}

#[test]
fn a_table_in_a_file_knows_what_was_written_in_an_earlier_session() -> Result {
    let drive = Drive::new();
    let nvme = &drive.nvme;
    let (q, ns) = (nvme.qpair(2)?, nvme.first_namespace()?);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("table");
    let mut data = nvme.buffer(BLOCK);
    fill(&mut data, 6, 1);
    ns.verify_data_in(&path)?;
    ns.write(&data, 6).run(&q)?;
    ns.verify_data(false)?;
    drive.damage(6, &[9; BLOCK]);

    ns.read(&mut data, 6).run(&q)?;
    ns.verify_data_in(&path)?;
    assert_eq!(miscompare(ns.read(&mut data, 6).run(&q)).verdict, Verdict::NeverWritten);
    ns.verify_data(false)?;
    std::fs::write(&path, "no table").expect("a file");
    let error = ns.verify_data_in(&path).unwrap_err().to_string();
    assert!(error.contains("is no integrity table for this namespace"), "{error}");
    assert!(ns.verified_by().is_none());
    Ok(())
}

/// The device does not complete the write: it may have been executed, or not.
#[test]
fn a_write_that_was_given_up_is_old_or_new() -> Result {
    let returned = Arc::new(AtomicU8::new(1));
    let returns = returned.clone();
    let fake = Fake::new(move |qid, sqe| match NvmOpcode(sqe.opcode()) {
        _ if qid == 0 => Reply::Normal,
        // A Dataset Management hint, by which the test tells one from the other.
        NvmOpcode::WRITE if sqe.cdw13.get() != 0 => Reply::Silence,
        NvmOpcode::READ => Reply::Moved(returns.load(Ordering::Relaxed)),
        _ => Reply::Normal,
    });
    let nvme = fake.open()?;
    let (q, ns) = (nvme.qpair(4)?, nvme.first_namespace()?);
    ns.verify_data(true)?;
    let mut data = nvme.buffer(ns.block());
    data.fill(1);
    ns.write(&data, 1).run(&q)?;
    let mut other = nvme.buffer(ns.block());
    other.fill(2);
    let hangs = ns.write(&other, 1).edit(|sqe| sqe.cdw13 = 1.into());
    let error = hangs.timeout(Duration::from_millis(20)).run(&q).unwrap_err();
    assert!(error.is_timeout(), "{error}");

    let q = nvme.qpair(4)?;
    let mut read = |byte| {
        returned.store(byte, Ordering::Relaxed);
        ns.read(&mut data, 1).run(&q)
    };
    miscompare(read(3));
    read(2)?;
    // That has settled it.
    miscompare(read(1));
    read(2)?;
    Ok(())
}

#[test]
fn it_does_not_begin_while_io_is_in_flight() -> Result {
    let drive = Drive::new();
    let (q, ns) = (drive.nvme.qpair(2)?, drive.nvme.first_namespace()?);
    let mut data = drive.nvme.buffer(4096);
    let begun = q.scope(|io| {
        ns.read(&mut data, 0).submit(io);
        ns.verify_data(true)
    });
    let error = begun.unwrap_err().to_string();
    assert!(error.contains("I/O commands are in flight, of which nobody took note"), "{error}");
    Ok(())
}
