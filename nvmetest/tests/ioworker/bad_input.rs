//! What is refused before anything starts.

use std::time::Duration;

use libtest_mimic::Failed;
use nvmetest::IoWorkerError;
use nvmetest::ioworker::DataPattern;
use nvmetest::ioworker::Distribution;
use nvmetest::ioworker::TimedCommand;
use nvmetest::prelude::*;
use nvmetest::spec::NvmOpcode;
use nvmetest_fixtures::soft;

use super::worker_error;

pub fn refused_replay() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=1MiB,mdts=128KiB")?;
    let ns = nvme.first_namespace()?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("recorded.jsonl");
    let good = r#"{"at_ns":0,"opcode":2,"slba":0,"blocks":8}"#;
    std::fs::write(&path, format!("{good}\nnonsense\n"))?;
    let recorded = |opcode, slba, blocks| TimedCommand { at_ns: 5, opcode, slba, blocks };
    let one = |opcode, slba, blocks| ns.ioworker().replay([recorded(opcode, slba, blocks)]);
    let cases = [
        (ns.ioworker().replay_file(folder.path().join("none")), "No such file"),
        (ns.ioworker().replay_file(&path), "line 2 is no command"),
        (ns.ioworker().replay([]), "nothing was recorded"),
        (one(NvmOpcode::READ, 2041, 8), "of 8 blocks from 2041 on, ends beyond the 2048 blocks"),
        (one(NvmOpcode::READ, u64::MAX, 8), "ends beyond the 2048 blocks"),
        (one(NvmOpcode::READ, 0, 0), "1 to 65,536 blocks, not 0"),
        (one(NvmOpcode::WRITE, 0, 257), "131072 bytes (MDTS) and not 131584"),
        (one(NvmOpcode::COPY, 0, 1), "no IOWorker sends Copy"),
    ];
    for (work, expected) in cases {
        let error = worker_error(work.start());
        assert!(matches!(error, IoWorkerError::Impossible(_)), "{error}");
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
    assert_eq!(nvme.qpair(1)?.id(), 1);
    Ok(())
}

pub fn refused() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=1MiB,mdts=128KiB")?;
    let ns = nvme.first_namespace()?;
    let work = || ns.ioworker().count(1);
    let most = nvme.capabilities().cap.mqes_z();
    let hot = || Distribution::HotSpot { commands: 90, region: 10 };
    let compressible = DataPattern::Random { compressible: 101, duplicate: 0 };
    let cases = [
        (work().region(2000..2049), "ends beyond the 2048 blocks of the namespace"),
        (work().region(0..u64::MAX), "ends beyond the 2048 blocks"),
        (work().region(7..7), "has no room for a command of 8 blocks"),
        (work().region(0..7), "has no room for a command of 8 blocks"),
        (work().depth(0), "a depth of 0 is no command at all"),
        (work().depth(most + 1), "(CAP.MQES)"),
        (work().read_percentage(101), "101 of a hundred commands"),
        (work().io_blocks(0), "1 to 65,536 blocks, not 0"),
        (work().io_blocks(257), "a command transfers 131072 bytes (MDTS) and not 131584"),
        (ns.ioworker(), "name a count or a time"),
        (work().count(0), "nothing to do"),
        (work().time(Duration::ZERO), "nothing to do"),
        (work().time(Duration::from_secs(3_600_001)), "1000 hours at the most"),
        (work().iops(0), "at 0 IOPS"),
        (work().priority(4), "the priority of a queue is 0 to 3, and not 4"),
        (work().cpu(1023), "may not use processor 1023"),
        (work().cpu(usize::MAX), "may not use processor"),
        (work().io_blocks([0_u32; 0]), "no size of commands has a weight"),
        (work().io_blocks([(8, 0)]), "no size of commands has a weight"),
        (work().io_blocks([8, 257]), "(MDTS) and not 131584"),
        (work().lba_align(0), "no multiple of an alignment of 0"),
        (work().io_blocks([8, 16, 32]).lba_aligns([8, 16]), "2 alignments for 3 sizes"),
        (work().region(1..16).lba_align(9), "for a command of 8 blocks at a multiple of 9"),
        (work().regions([]), "there is no region"),
        (work().regions([0..8, 2041..2049]), "the region 2041..2049 ends beyond"),
        (work().random_percentage(101), "101 of a hundred commands are to be at random"),
        (work().first_lba(8), "make them `sequential`"),
        (work().step(8), "make them `sequential`"),
        (work().sequential().first_lba(2048), "the first LBA 2048 is not within the region"),
        (work().mix([]), "are 0 of a hundred"),
        (work().mix([(NvmOpcode::READ, 99)]), "are 99 of a hundred"),
        (work().mix([(NvmOpcode::COPY, 100)]), "no IOWorker sends Copy"),
        (work().mix([(NvmOpcode::READ, 50), (NvmOpcode::READ, 50)]), "stands twice"),
        (work().distribution(Distribution::Sections(vec![1; 100])), "sum to 10000, and not 100"),
        (work().distribution(hot()).sequential(), "a distribution is for random commands"),
        (work().sgl_percentage(101), "101 of a hundred commands are to be with SGLs"),
        (work().pattern(compressible), "101 hundredths of a block"),
    ];
    for (work, expected) in cases {
        let error = worker_error(work.clone().start());
        assert!(matches!(error, IoWorkerError::Impossible(_)), "{error}");
        assert!(error.to_string().contains(expected), "{work:?}: {error}");
    }
    // No queue was made for any of them: the first to be made is the first there is.
    assert_eq!(nvme.qpair(1)?.id(), 1);
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}
