//! The log as people and as tools see it.

use std::error::Error;
use std::io;
use std::panic::Location;

use expect_test::expect;
use nvmetest::cmdlog::CmdLog;
use nvmetest::cmdlog::Dump;
use nvmetest::cmdlog::Geometry;
use nvmetest::cmdlog::Selection;
use nvmetest::cmdlog::Site;
use nvmetest::cmdlog::Token;
use nvmetest::cmdlog::now_ns;
use nvmetest::spec::AdminOpcode;
use nvmetest::spec::Cqe;
use nvmetest::spec::NvmOpcode;
use nvmetest::spec::Sqe;
use nvmetest::spec::Status;
use nvmetest::spec::StatusField;
use zerocopy::FromZeros;

type TestResult = Result<(), Box<dyn Error>>;

const GEOMETRY: Geometry = Geometry { rings: 2, entries: 8, sites: 16, marks: 8 };

#[test]
fn the_text_has_one_line_a_command_and_marks_the_one_that_failed() -> TestResult {
    expect![[r#"
                      time/s  process  sqid    cid  command -> status dw0 latency source
                +0.000000500     4711     0 0x0001  Identify CNS 01h Identify Controller data structure prp1=0x1000 -> Successful Completion (00h/00h) dw0=0x0 12.345us suites/src/read.rs:42
                +0.000019500     4711     0 0x0002  Asynchronous Event Request -> in flight suites/src/read.rs:43
                +0.000024500     4711  --- the test starts
        >>>     +0.000029500     4711     1 0x8003  Write nsid=1 slba=0x10 nlb=8 FUA -> LBA Out of Range (00h/80h) M DNR dw0=0xabcd 1000.000us suites/src/read.rs:44
                +0.000039500     4711     1 0x0004  Flush nsid=1 -> given up after 5000000.000us suites/src/read.rs:45
                +0.000049500     4711     1 0x0004  Flush nsid=1 -> given up after 5000000.000us, completed late: Command Abort Requested (00h/07h) dw0=0x0 6000000.000us suites/src/read.rs:46
                +0.000059500     4711     1 0x0005  Opcode C0h nsid=1 cdw10=0x1 cdw11=0x2 cdw12=0x3 cdw13=0x0 cdw14=0x0 cdw15=0x0 -> in flight (source not known)
                +6.999999500     4711  --- the test ends
    "#]].assert_eq(&example()?.text().to_string());
    Ok(())
}

#[test]
fn one_record_is_one_line() -> TestResult {
    let record = &example()?.records[1];
    expect!["    +0.000020000     4711     0 0x0002  Asynchronous Event Request -> in flight suites/src/read.rs:43"].assert_eq(&record.to_string());
    Ok(())
}

#[test]
fn the_text_says_what_is_missing() -> TestResult {
    let log = CmdLog::new(GEOMETRY)?;
    let ring = log.ring(7, 7);
    let refused = [log.ring(8, 8), log.ring(9, 9)];
    let first = ring.submitted(&Sqe::new_zeroed(), Location::caller(), 0);
    for n in 1..=8 {
        ring.submitted(&Sqe::new_zeroed(), Location::caller(), n);
    }
    ring.completed(first, &Cqe::new_zeroed(), 9);
    drop(refused);

    let dump = log.dump(&Selection::all()).failing(first);
    let text = dump.text().to_string();

    let notes: String =
        text.lines().filter(|line| line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    expect![[r#"
        # queues not logged, because all rings of the log were in use: 1
        # queue 7: commands overwritten while in flight: 1
        # queue 7: completions without a command in the log: 1
        # the command that failed is not among these: it was overwritten or left out
    "#]]
    .assert_eq(&notes);
    Ok(())
}

#[test]
fn control_characters_of_a_mark_do_not_reach_the_terminal() -> TestResult {
    let log = CmdLog::new(GEOMETRY)?;
    log.mark("red \x1b[31m\nnext line");
    let text = log.dump(&Selection::all()).text().to_string();
    assert!(text.contains(r"--- red \u{1b}[31m\nnext line"), "{text}");
    Ok(())
}

#[test]
fn of_the_last_commands_the_mark_before_them_is_shown() -> TestResult {
    let log = CmdLog::new(GEOMETRY)?;
    let ring = log.ring(1, 1);
    for n in 0..4 {
        log.mark(&format!("test {n}"));
        ring.submitted(&Sqe::new_zeroed(), Location::caller(), now_ns());
    }

    let marks = |selection: &Selection| -> Vec<String> {
        log.dump(selection).marks.into_iter().map(|mark| mark.text).collect()
    };
    assert_eq!(marks(&Selection::all()), ["test 0", "test 1", "test 2", "test 3"]);
    assert_eq!(marks(&Selection::all().last(2)), ["test 2", "test 3"]);
    Ok(())
}

#[test]
fn each_json_line_has_the_raw_entries_and_what_they_say() -> TestResult {
    let mut output = Vec::new();
    example()?.write_json_lines(&mut output)?;
    expect![[r#"
        {"kind":"log","schema":"nvmetest.cmdlog","version":1,"created_ns":500,"created_unix_ns":1700000000000000000,"refused_rings":0,"failing":{"ring":1,"sequence":1}}
        {"kind":"ring","index":0,"sqid":0,"cqid":0,"process":4711,"created_ns":600,"released_ns":null,"commands":2,"unmatched":0,"overwritten_in_flight":0}
        {"kind":"ring","index":1,"sqid":1,"cqid":1,"process":4711,"created_ns":700,"released_ns":null,"commands":4,"unmatched":0,"overwritten_in_flight":0}
        {"kind":"mark","at_ns":25000,"process":4711,"text":"the test starts"}
        {"kind":"mark","at_ns":7000000000,"process":4711,"text":"the test ends"}
        {"kind":"command","token":{"ring":0,"sequence":1},"sqid":0,"cqid":0,"process":4711,"site":{"file":"suites/src/read.rs","line":42,"column":9},"submitted_ns":1000,"abandoned_ns":null,"completed_ns":13345,"sqe":"06000100000000000000000000000000000000000000000000100000000000000000000000000000010000000000000000000000000000000000000000000000","cqe":"00000000000000000000000001000000","failing":false,"admin":true,"opcode":6,"command":"Identify","cid":1,"nsid":0,"fields":{"cns":1,"prp1":4096},"text":"Identify CNS 01h Identify Controller data structure prp1=0x1000","latency_ns":12345,"completion":{"dw0":0,"dw1":0,"sqhd":0,"sqid":0,"cid":1,"phase":false,"sct":0,"sc":0,"crd":0,"more":false,"dnr":false,"status":"Successful Completion (00h/00h)"}}
        {"kind":"command","token":{"ring":0,"sequence":2},"sqid":0,"cqid":0,"process":4711,"site":{"file":"suites/src/read.rs","line":43,"column":9},"submitted_ns":20000,"abandoned_ns":null,"completed_ns":null,"sqe":"0c000200000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000","cqe":null,"failing":false,"admin":true,"opcode":12,"command":"Asynchronous Event Request","cid":2,"nsid":0,"fields":{},"text":"Asynchronous Event Request","latency_ns":null,"completion":null}
        {"kind":"command","token":{"ring":1,"sequence":1},"sqid":1,"cqid":1,"process":4711,"site":{"file":"suites/src/read.rs","line":44,"column":9},"submitted_ns":30000,"abandoned_ns":null,"completed_ns":1030000,"sqe":"01000380010000000000000000000000000000000000000000000000000000000000000000000000100000000000000007000040000000000000000000000000","cqe":"cdab00000000000001000100038001c1","failing":true,"admin":false,"opcode":1,"command":"Write","cid":32771,"nsid":1,"fields":{"fua":true,"nlb":8,"nsid":1,"slba":16},"text":"Write nsid=1 slba=0x10 nlb=8 FUA","latency_ns":1000000,"completion":{"dw0":43981,"dw1":0,"sqhd":1,"sqid":1,"cid":32771,"phase":true,"sct":0,"sc":128,"crd":0,"more":true,"dnr":true,"status":"LBA Out of Range (00h/80h)"}}
        {"kind":"command","token":{"ring":1,"sequence":2},"sqid":1,"cqid":1,"process":4711,"site":{"file":"suites/src/read.rs","line":45,"column":9},"submitted_ns":40000,"abandoned_ns":5000040000,"completed_ns":null,"sqe":"00000400010000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000","cqe":null,"failing":false,"admin":false,"opcode":0,"command":"Flush","cid":4,"nsid":1,"fields":{"nsid":1},"text":"Flush nsid=1","latency_ns":null,"completion":null}
        {"kind":"command","token":{"ring":1,"sequence":3},"sqid":1,"cqid":1,"process":4711,"site":{"file":"suites/src/read.rs","line":46,"column":9},"submitted_ns":50000,"abandoned_ns":5000050000,"completed_ns":6000050000,"sqe":"00000400010000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000","cqe":"00000000000000000000000004000e00","failing":false,"admin":false,"opcode":0,"command":"Flush","cid":4,"nsid":1,"fields":{"nsid":1},"text":"Flush nsid=1","latency_ns":6000000000,"completion":{"dw0":0,"dw1":0,"sqhd":0,"sqid":0,"cid":4,"phase":false,"sct":0,"sc":7,"crd":0,"more":false,"dnr":false,"status":"Command Abort Requested (00h/07h)"}}
        {"kind":"command","token":{"ring":1,"sequence":4},"sqid":1,"cqid":1,"process":4711,"site":null,"submitted_ns":60000,"abandoned_ns":null,"completed_ns":null,"sqe":"c0000500010000000000000000000000000000000000000000000000000000000000000000000000010000000200000003000000000000000000000000000000","cqe":null,"failing":false,"admin":false,"opcode":192,"command":"Opcode C0h","cid":5,"nsid":1,"fields":{"cdw10":1,"cdw11":2,"cdw12":3,"cdw13":0,"cdw14":0,"cdw15":0,"nsid":1},"text":"Opcode C0h nsid=1 cdw10=0x1 cdw11=0x2 cdw12=0x3 cdw13=0x0 cdw14=0x0 cdw15=0x0","latency_ns":null,"completion":null}
    "#]].assert_eq(str::from_utf8(&output)?);
    Ok(())
}

#[test]
fn json_lines_are_read_as_they_were_written() -> TestResult {
    let dump = example()?;
    let mut lines = Vec::new();
    dump.write_json_lines(&mut lines)?;
    assert_eq!(Dump::read_json_lines(&lines[..])?, dump);
    Ok(())
}

#[test]
fn what_a_later_version_adds_is_skipped() -> TestResult {
    let dump = example()?;
    let mut lines = Vec::new();
    dump.write_json_lines(&mut lines)?;
    lines.extend(b"{\"kind\":\"temperature\",\"celsius\":[40]}\n");
    let lines = String::from_utf8(lines)?.replace("\"sqid\"", "\"colour\":\"red\",\"sqid\"");
    assert_eq!(Dump::read_json_lines(lines.as_bytes())?, dump);
    Ok(())
}

#[test]
fn a_line_that_is_wrong_is_named() -> TestResult {
    let mut lines = Vec::new();
    example()?.write_json_lines(&mut lines)?;
    let good = String::from_utf8(lines)?;
    let first = good.lines().next().expect("there is a first line");

    let read = |text: &str| Dump::read_json_lines(text.as_bytes()).unwrap_err();
    let check = |text: &str, expected: &str| {
        let error = read(text).to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("", "the command log is empty");
    check("nonsense\n", "line 1: ");
    check(
        "{\"kind\":\"mark\",\"at_ns\":1,\"process\":1,\"text\":\"\"}\n",
        "line 1: it is not the first",
    );
    check(&good.replacen("\"version\":1", "\"version\":2", 1), "line 1: the schema has version 2");
    check(&good.replacen("nvmetest.cmdlog", "other", 1), "line 1: the schema is \"other\"");
    check(&format!("{first}\n{first}\n"), "line 2: another log starts here");
    check(&good.replacen("\"sqe\":\"", "\"sqe\":\"é", 1), "sqe is not 64 bytes in hexadecimal");
    check(&good.replacen("\"cqe\":null", "\"cqe\":\"00\"", 1), "completed_ns and cqe go together");
    check(&format!("{first}\n{}\n", " ".repeat(1 << 20)), "line 2: it is too long");
    assert_eq!(read("").kind(), io::ErrorKind::UnexpectedEof);
    Ok(())
}

/// A log with a command of each outcome, in which nothing depends on the machine or the time.
fn example() -> Result<Dump, Box<dyn Error>> {
    let log = CmdLog::new(GEOMETRY)?;
    let (admin, io) = (log.ring(0, 0), log.ring(1, 1));
    let here = Location::caller();

    let mut identify = sqe(AdminOpcode::IDENTIFY.0, 1, 0, [1, 0, 0]);
    identify.dptr[0] = 0x1000.into();
    let token = admin.submitted(&identify, here, 1_000);
    admin.completed(token, &cqe(1, Status::SUCCESS), 13_345);
    let event = sqe(AdminOpcode::ASYNC_EVENT_REQUEST.0, 2, 0, [0; 3]);
    admin.submitted(&event, here, 20_000);
    let write = sqe(NvmOpcode::WRITE.0, 0x8003, 1, [0x10, 0, 0x4000_0007]);
    let failing = io.submitted(&write, here, 30_000);
    let mut end = cqe(0x8003, Status::LBA_OUT_OF_RANGE);
    end.dw0 = 0xABCD.into();
    end.sqhd = 1.into();
    end.sqid = 1.into();
    end.set_status_field(end.status_field().with_dnr(true).with_m(true).with_p(true));
    io.completed(failing, &end, 1_030_000);
    let flush = sqe(NvmOpcode::FLUSH.0, 4, 1, [0; 3]);
    let token = io.submitted(&flush, here, 40_000);
    io.abandoned(token, 5_000_040_000);
    let token = io.submitted(&flush, here, 50_000);
    io.abandoned(token, 5_000_050_000);
    io.completed(token, &cqe(4, Status::COMMAND_ABORT_REQUESTED), 6_000_050_000);
    io.submitted(&sqe(0xC0, 5, 1, [1, 2, 3]), here, 60_000);

    log.mark("the test starts");
    log.mark("the test ends");
    let mut dump = log.dump(&Selection::all()).failing(failing);
    (dump.created_ns, dump.created_unix_ns) = (500, 1_700_000_000_000_000_000);
    for (ring, created_ns) in dump.rings.iter_mut().zip([600, 700]) {
        (ring.process, ring.created_ns) = (4711, created_ns);
    }
    let site = Site { file: "suites/src/read.rs".into(), line: 42, column: 9 };
    for (record, line) in dump.records.iter_mut().zip(42..) {
        record.process = 4711;
        record.site = Some(Site { line, ..site.clone() }.into());
    }
    dump.records[5].site = None;
    for (mark, at_ns) in dump.marks.iter_mut().zip([25_000, 7_000_000_000]) {
        (mark.process, mark.at_ns) = (4711, at_ns);
    }
    assert_ne!(failing, Token::NONE);
    Ok(dump)
}

fn sqe(opcode: u8, cid: u16, nsid: u32, [cdw10, cdw11, cdw12]: [u32; 3]) -> Sqe {
    let mut sqe = Sqe::new_zeroed();
    sqe.set_cdw0(sqe.cdw0().with_opc(opcode).with_cid(cid));
    sqe.nsid = nsid.into();
    sqe.cdw10 = cdw10.into();
    sqe.cdw11 = cdw11.into();
    sqe.cdw12 = cdw12.into();
    sqe
}

fn cqe(cid: u16, status: Status) -> Cqe {
    let mut cqe = Cqe::new_zeroed();
    cqe.cid = cid.into();
    cqe.set_status_field(StatusField::from_status(status));
    cqe
}
