//! Whether Wireshark shows the same commands as the command log has.

use std::fmt::Debug;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;
use clap::Args;
use serde_json::Value;
use xshell::Shell;
use xshell::cmd;

use crate::ci;
use crate::qualify;
use crate::suites::Suites;
use crate::system;

/// Tests that send commands of all kinds, right and wrong, on several queues.
const TESTS: [&str; 5] = ["read_write::", "identify::", "flush::", "abort::", "queue_operation::"];

/// The one thing that Wireshark 4.0 fails at: the completion of Get Features for Arbitration has a field that its
/// dissector did not register, and the rest of that packet is not shown.
const GET_FEATURES: u64 = 0x0A;
const ARBITRATION: u64 = 0x01;

/// Compare what Wireshark shows of a run with the run's command log; `cargo xtask ci` does this
#[derive(Args)]
pub struct Wireshark {}

impl Wireshark {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        ci::alone(check)
    }
}

/// Runs tests on the soft controller, exports their command log, and compares it with what tshark sees, command by
/// command. Returns how many there were.
pub fn check(sh: &Shell) -> anyhow::Result<String> {
    let done = system::TSHARK.provide(sh)?;
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("run.cmdlog");
    let mut arguments: Vec<_> = TESTS.map(Into::into).into();
    arguments.extend(["--cmdlog".into(), log.clone().into_os_string()]);
    arguments.extend(["--evidence".into(), folder.path().join("evidence").into_os_string()]);
    let code = Suites::build(false)?.run("soft:", &arguments)?;
    ensure!(code == 0, "the tests end with exit code {code}; see above");

    let tool = qualify::build(false)?;
    let capture = folder.path().join("run.pcapng");
    cmd!(sh, "{tool} cmdlog export {log} --format pcap --output {capture}").quiet().run()?;
    let lines = cmd!(sh, "{tool} cmdlog show {log} --json").quiet().read()?;
    let records = records(&lines)?;
    ensure!(!records.is_empty(), "the log has no commands");

    let commands = compare_commands(&rows(sh, &capture, 4, &COMMAND)?, &records)?;
    let known = compare_completions(&rows(sh, &capture, 5, &COMPLETION)?, &records, &commands)?;
    let malformed = cmd!(sh, "tshark -n -r {capture} -Y _ws.malformed -T fields -e frame.number");
    let malformed = malformed.quiet().ignore_stderr().read()?.lines().count();
    ensure!(malformed == known, "tshark calls {malformed} packets malformed, and {known} may be");
    Ok(format!("{} commands are the same in tshark; {done}", records.len()))
}

/// A command of the log.
#[derive(Debug)]
struct Record {
    sqid: u64,
    cid: u64,
    opcode: u64,
    nsid: u64,
    fields: Value,
    submitted: u128,
    completed: Option<u128>,
    completion: Value,
}

fn records(lines: &str) -> anyhow::Result<Vec<Record>> {
    let mut lines = lines.lines().map(serde_json::from_str::<Value>);
    let head = lines.next().context("the log has no lines")??;
    let word = |value: &Value, name: &str| value[name].as_u64();
    let number = |value: &Value, name: &str| {
        word(value, name).with_context(|| format!("a line of the log has no `{name}`"))
    };
    let (created, unix) = (number(&head, "created_ns")?, number(&head, "created_unix_ns")?);
    let time = |ns: u64| u128::from(unix) + u128::from(ns - created);
    let mut records = Vec::new();
    for line in lines {
        let line = line?;
        if line["kind"] != "command" {
            continue;
        }
        records.push(Record {
            sqid: number(&line, "sqid")?,
            cid: number(&line, "cid")?,
            opcode: number(&line, "opcode")?,
            nsid: number(&line, "nsid")?,
            fields: line["fields"].clone(),
            submitted: time(number(&line, "submitted_ns")?),
            completed: word(&line, "completed_ns").map(time),
            completion: line["completion"].clone(),
        });
    }
    Ok(records)
}

/// What is asked of tshark for a capsule with a command, and for one with a completion.
const COMMAND: [&str; 9] = [
    "frame.number",
    "frame.time_epoch",
    "nvme-tcp.cmd.qid",
    "nvme.cmd.opc",
    "nvme.cmd.cid",
    "nvme.cmd.nsid",
    "nvme.cmd.slba",
    "nvme.cmd.nlb",
    "nvme.fabrics.cmd.fctype",
];
const COMPLETION: [&str; 9] = [
    "frame.number",
    "frame.time_epoch",
    "nvme-tcp.cmd.qid",
    "nvme.cqe.cid",
    "nvme.cqe.status.sct",
    "nvme.cqe.status.sc",
    "nvme.cqe.sqhd",
    "nvme.cmd_pkt",
    "nvme.fabrics.cmd_pkt",
];

/// The last field of a row: whether it is of a Connect, which is not in the log.
const OF_FABRICS: usize = 8;

type Row = Vec<String>;

/// Has tshark print fields of the PDUs of one type.
fn rows(sh: &Shell, capture: &Path, kind: u8, fields: &[&str]) -> anyhow::Result<Vec<Row>> {
    let filter = format!("nvme-tcp.type == {kind}");
    let fields = fields.iter().flat_map(|field| ["-e", field]);
    let tshark = cmd!(sh, "tshark -n -r {capture} -Y {filter} -T fields {fields...}");
    let output =
        tshark.quiet().ignore_stderr().read().context("tshark does not read the capture")?;
    let row = |line: &str| line.split('\t').map(str::to_owned).collect::<Row>();
    let is_logged = |row: &Row| row.get(OF_FABRICS).is_none_or(String::is_empty);
    Ok(output.lines().map(row).filter(is_logged).collect())
}

/// Compares the commands. Returns the frame of each.
fn compare_commands(rows: &[Row], records: &[Record]) -> anyhow::Result<Vec<u64>> {
    ensure!(
        rows.len() == records.len(),
        "{} commands, and {} in the log",
        rows.len(),
        records.len()
    );
    let mut frames = Vec::new();
    for (row, record) in rows.iter().zip(records) {
        let same =
            |what: &str, at: usize, logged: u64| same(what, number(row, at)?, logged, record);
        same("the queue", 2, record.sqid)?;
        same("the opcode", 3, record.opcode)?;
        same("the command identifier", 4, record.cid)?;
        same("the namespace", 5, record.nsid)?;
        ensure!(time(row)? == record.submitted, "the time differs in {row:?} and {record:?}");
        // Reads and writes; Wireshark shows no blocks of other commands.
        if record.sqid != 0 && matches!(record.opcode, 1 | 2) {
            let logged = |name: &str| record.fields[name].as_u64().context("a read has no blocks");
            same("the first block", 6, logged("slba")?)?;
            same("the number of blocks", 7, logged("nlb")?)?;
        }
        frames.push(number(row, 0)?);
    }
    Ok(frames)
}

/// Compares the completions. Returns how many Wireshark is known not to show.
fn compare_completions(rows: &[Row], records: &[Record], frames: &[u64]) -> anyhow::Result<usize> {
    let mut expected: Vec<usize> =
        (0..records.len()).filter(|index| records[*index].completed.is_some()).collect();
    expected.sort_by_key(|index| (records[*index].completed, *index));
    let (found, logged) = (rows.len(), expected.len());
    ensure!(found == logged, "{found} completions, and {logged} in the log");
    let mut known = 0;
    for (row, index) in rows.iter().zip(expected) {
        let record = &records[index];
        let same =
            |what: &str, at: usize, logged: u64| same(what, number(row, at)?, logged, record);
        let logged =
            |name: &str| record.completion[name].as_u64().context("a completion is not whole");
        ensure!(Some(time(row)?) == record.completed, "the time differs in {row:?} and {record:?}");
        same("the queue", 2, record.sqid)?;
        same("the frame of the command", 7, frames[index])?;
        if row[3].is_empty() {
            let fid = record.fields["fid"].as_u64();
            if (record.sqid, record.opcode, fid) != (0, GET_FEATURES, Some(ARBITRATION)) {
                bail!("tshark does not show the completion of {record:?}");
            }
            known += 1;
            continue;
        }
        same("the command identifier", 3, logged("cid")?)?;
        same("the status code type", 4, logged("sct")?)?;
        same("the status code", 5, logged("sc")?)?;
        same("the head of the submission queue", 6, logged("sqhd")?)?;
    }
    Ok(known)
}

fn same<T: PartialEq + Debug>(
    what: &str,
    shown: T,
    logged: T,
    record: &Record,
) -> anyhow::Result<()> {
    ensure!(shown == logged, "{what} is {shown:?} in tshark and {logged:?} in the log: {record:?}");
    Ok(())
}

/// Reads a number as tshark prints it.
fn number(row: &Row, at: usize) -> anyhow::Result<u64> {
    let text = row.get(at).map_or("", String::as_str);
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.with_context(|| format!("field {at} of {row:?} is no number"))
}

/// Reads the time of a frame, in ns since 1970.
fn time(row: &Row) -> anyhow::Result<u128> {
    let of = |text: &str| {
        let (seconds, ns) = text.split_once('.')?;
        let ns: u128 = ns.get(..9)?.parse().ok()?;
        Some(seconds.parse::<u128>().ok()? * 1_000_000_000 + ns)
    };
    row.get(1).and_then(|text| of(text)).with_context(|| format!("{row:?} has no time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fields: [&str; 9]) -> Row {
        fields.map(str::to_owned).into()
    }

    fn read() -> Vec<Record> {
        let head = r#"{"kind":"log","created_ns":5,"created_unix_ns":1000000005}"#;
        let command = r#"{"kind":"command","sqid":1,"cid":7,"opcode":2,"nsid":1,"fields":{"slba":16,"nlb":8},"submitted_ns":10,"completed_ns":30,"completion":{"cid":7,"sct":0,"sc":128,"sqhd":1}}"#;
        records(&format!("{head}\n{{\"kind\":\"mark\"}}\n{command}\n")).unwrap()
    }

    #[test]
    fn what_is_the_same_passes_and_each_difference_fails() {
        let records = read();
        let command = ["9", "1.000000010", "0x0001", "0x02", "0x0007", "0x1", "0x10", "8", ""];
        assert_eq!(compare_commands(&[row(command)], &records).unwrap(), [9]);
        let completion =
            ["10", "1.000000030", "0x0001", "0x0007", "0x0", "0x80", "0x0001", "9", ""];
        assert_eq!(compare_completions(&[row(completion)], &records, &[9]).unwrap(), 0);

        assert!(compare_commands(&[], &records).is_err());
        assert!(compare_completions(&[], &records, &[9]).is_err());
        for at in 1..8 {
            let (mut wrong, mut other) = (command, completion);
            (wrong[at], other[at]) = ("0x55", "");
            compare_commands(&[row(wrong)], &records).unwrap_err();
            compare_completions(&[row(other)], &records, &[9]).unwrap_err();
        }
    }
}
