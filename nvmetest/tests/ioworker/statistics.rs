//! What a worker says of its commands.

use libtest_mimic::Failed;
use nvmetest::IoWorkerError;
use nvmetest::cmdlog::Selection;
use nvmetest::prelude::*;
use nvmetest::spec::NvmOpcode;
use nvmetest_fixtures::soft;

use super::worker_error;

/// The worker reads blocks that were made uncorrectable.
pub fn failed_commands() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=1MiB")?;
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(4)?);
    ns.write_uncorrectable(5, 1).run(&q)?;
    let work = || ns.ioworker().sequential().io_blocks(1).depth(1).region(0..8).count(16);

    let statistics = work().allow_errors().start()?.join()?;
    assert_eq!((statistics.reads, statistics.errors, statistics.bytes), (16, 2, 14 * 512));
    let first = statistics.first_error.expect("there were errors");
    assert_eq!((first.opcode, first.slba), (NvmOpcode::READ, 5));
    assert_eq!(first.status, Status::UNRECOVERED_READ_ERROR);
    assert_eq!(statistics.statuses, [(Status::SUCCESS, 14), (first.status, 2)]);
    // And the log has it.
    let records = nvme.cmdlog().records(&Selection::all().failed());
    let record = records.iter().find(|record| record.token == first.token).expect("it is logged");
    assert_eq!((record.sqe.nvm_opcode(), record.sqe.cdw10.get()), (first.opcode, 5));
    let site = record.site.as_ref().expect("the line that started the worker");
    assert!(site.file.ends_with("tests/ioworker/statistics.rs"), "{site}");

    let error = worker_error(work().start()?.join());
    let text = error.to_string();
    assert!(matches!(error, IoWorkerError::Commands { statistics } if statistics.errors == 2));
    assert!(
        text.starts_with("2 of 16 commands of the IOWorker failed, the first was Read"),
        "{text}"
    );
    assert!(text.contains("at LBA 0x5"), "{text}");
    Ok(())
}
