//! Who wrote a block, for the message about one that is wrong.

use crate::cmdlog::CmdLog;
use crate::cmdlog::Record;
use crate::cmdlog::Selection;
use crate::spec::NvmOpcode;

/// The commands that wrote a block last, the latest first, as far as the command log has them.
pub(crate) fn writers_of(log: &CmdLog, lba: u64) -> Vec<String> {
    const MOST: usize = 2;
    let records = log.records(&Selection::all().lba(lba..=lba));
    records.iter().rev().filter(|record| is_write(record)).take(MOST).map(describe).collect()
}

fn is_write(record: &Record) -> bool {
    let writes = [NvmOpcode::WRITE, NvmOpcode::WRITE_ZEROES, NvmOpcode::WRITE_UNCORRECTABLE];
    !record.is_admin() && writes.contains(&NvmOpcode(record.sqe.opcode()))
}

fn describe(record: &Record) -> String {
    let opcode = NvmOpcode(record.sqe.opcode());
    let site = record.site.as_ref();
    let site = site.map_or_else(String::new, |site| format!(", built at {site}"));
    let (sqid, cid, process) = (record.sqid, record.sqe.cid(), record.process);
    format!("{opcode} on queue {sqid}, CID {cid:#06x} of process {process}{site}")
}
