//! Data that workers write, read and compare while it is verified.

use std::fs::File;
use std::os::unix::fs::FileExt;

use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use nvmetest::IoWorkerError;
use nvmetest::integrity::Content;
use nvmetest::ioworker::DataPattern;
use nvmetest::ioworker::IoWorkerBuilder;
use nvmetest::prelude::*;
use nvmetest::spec::NvmOpcode;
use nvmetest_fixtures::soft;

use super::WITHOUT_END;
use super::send;
use super::wait_for_progress;
use super::worker_error;

/// All that changes blocks is noted by each, and looked at by the others and by the runner.
pub fn verified() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=1MiB")?;
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(4)?);
    ns.verify_data(true)?;
    let mix = [
        (NvmOpcode::READ, 50),
        (NvmOpcode::WRITE, 35),
        (NvmOpcode::WRITE_ZEROES, 5),
        (NvmOpcode::DATASET_MANAGEMENT, 5),
        (NvmOpcode::FLUSH, 5),
    ];
    let work = ns.ioworker().random().io_blocks(4).region(0..256).depth(8).count(20_000).mix(mix);
    let workers = [work.clone().seed(1).start()?, work.clone().seed(2).start()?, work.start()?];
    assert!(matches!(ns.verify_data(false), Err(Error::Failed(_))), "they would not know");
    let mut blocks = nvme.buffer(8 * ns.block());
    for slba in (0..256).step_by(8).cycle().take(1000) {
        ns.read(&mut blocks, slba).run(&q)?;
    }
    for worker in workers {
        assert_eq!(worker.join()?.commands(), 20_000);
    }
    let mut blocks = nvme.buffer(256 * ns.block());
    ns.read(&mut blocks, 0).run(&q)?;
    let table = ns.verified_by().expect("it is on");
    // The test would pass as well if nothing was judged.
    let known = (0..256).filter(|lba| !matches!(table.content(*lba), Content::Unknown)).count();
    assert_eq!((known, table.degraded()), (256, 0));
    Ok(())
}

/// The blocks change while nobody takes note.
pub fn miscompare() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=1MiB")?;
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(4)?);
    let folder = tempfile::tempdir()?;
    let table = folder.path().join("table");
    ns.verify_data_in(&table)?;
    let work = ns.ioworker().sequential().io_blocks(1).region(0..64).depth(4).count(64);
    assert_eq!(work.clone().read_percentage(0).start()?.join()?.writes, 64);
    assert_eq!(work.clone().start()?.join()?.reads, 64);
    ns.verify_data(false)?;
    let mut block = nvme.buffer(ns.block());
    ns.read(&mut block, 9).run(&q)?;
    ns.write(&block, 10).run(&q)?;
    ns.verify_data_in(&table)?;
    let IoWorkerError::Miscompare { statistics, verdict, .. } = worker_error(work.start()?.join())
    else {
        panic!("it is no miscompare");
    };
    assert!((11..=64).contains(&statistics.reads), "{statistics}");
    assert!(verdict.contains("LBA 0xa"), "{verdict}");
    assert!(verdict.contains("LBA 0x9"), "{verdict}");
    assert!(
        verdict.contains("; read by Read (02h) of 1 blocks at LBA 0xa by process"),
        "{verdict}"
    );
    assert!(verdict.contains("; written last by Write (01h) on queue"), "{verdict}");
    Ok(())
}

/// The device says that blocks differ which cannot, or that they are equal which cannot be.
pub fn wrong_compares() -> Result<(), Failed> {
    const PATTERN: u32 = 0x0403_0201;
    const SEED: u64 = 7;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("media");
    let nvme = soft::controller(&format!("soft:size=1MiB,file={}", path.display()))?;
    let media = File::options().read(true).write(true).open(path)?;
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(4)?);
    ns.verify_data(true)?;
    let work = ns.ioworker().sequential().io_blocks(1).region(8..16).count(8).depth(1).seed(SEED);
    let work = work.pattern(DataPattern::Fixed(PATTERN)).mix([(NvmOpcode::COMPARE, 100)]);

    let mut equal = nvme.buffer(8 * ns.block());
    for (lba, block) in (8_u64..).zip(equal.chunks_exact_mut(ns.block())) {
        block.chunks_exact_mut(4).for_each(|dword| dword.copy_from_slice(&PATTERN.to_le_bytes()));
        block[..16].copy_from_slice([lba.to_le_bytes(), SEED.to_le_bytes()].as_flattened());
    }
    ns.write(&equal, 8).run(&q)?;
    assert_eq!(work.clone().start()?.join()?.commands(), 8);
    let at = 11 * ns.block() as u64;
    media.write_all_at(&[0xee], at)?;
    let verdict = |work: IoWorkerBuilder<'_>| -> Result<String, Failed> {
        match worker_error(work.start()?.join()) {
            IoWorkerError::Miscompare { verdict, .. } => Ok(verdict),
            error => Err(format!("it is no miscompare: {error}").into()),
        }
    };
    let found = verdict(work.clone())?;
    assert!(found.contains("LBA 0xb") && found.contains("equal: it has what"), "{found}");
    assert!(found.contains("; read by Compare (05h) of 1 blocks at LBA 0xb by process"), "{found}");
    assert!(found.contains("; written last by Write (01h) on queue"), "{found}");

    let mut other = nvme.buffer(ns.block());
    other.fill(0x55);
    ns.write(&other, 11).run(&q)?;
    // That they differ is right, and no more than a command that failed.
    assert!(matches!(worker_error(work.clone().start()?.join()), IoWorkerError::Commands { .. }));
    media.write_all_at(&equal[3 * ns.block()..4 * ns.block()], at)?;
    let found = verdict(work)?;
    assert!(found.contains("LBA 0xb") && !found.contains("equal"), "{found}");
    Ok(())
}

/// It is not taken for written, nor for lost.
pub fn killed_while_verified() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=1MiB")?;
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(4)?);
    ns.verify_data(true)?;
    let mut blocks = nvme.buffer(256 * ns.block());
    for seed in 0..10 {
        let work = ns.ioworker().random().read_percentage(0).io_blocks(2).region(0..256).depth(16);
        let worker = work.seed(seed).count(WITHOUT_END).start()?;
        wait_for_progress(&worker);
        send(worker.pid(), Signal::SIGKILL);
        assert!(matches!(worker_error(worker.join()), IoWorkerError::Died { .. }));
        ns.read(&mut blocks, 0).run(&q)?;
        ns.read(&mut blocks, 0).run(&q)?;
    }
    Ok(())
}
