use std::fs;
use std::io::Write;
use std::panic::Location;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;
use zerocopy::FromZeros;

use super::*;
use crate::cmdlog::CmdLog;
use crate::cmdlog::Dump;
use crate::cmdlog::Geometry;
use crate::cmdlog::Record;
use crate::cmdlog::Selection;
use crate::spec::AdminOpcode;
use crate::spec::Cqe;
use crate::spec::NvmOpcode;
use crate::spec::Sqe;
use crate::spec::Status;
use crate::spec::StatusField;

const GEOMETRY: Geometry = Geometry { rings: 3, entries: 8, sites: 4, marks: 4 };

fn io(opcode: NvmOpcode, cid: u16, slba: u32) -> Sqe {
    let mut sqe = Sqe::with_opcode(opcode.0);
    sqe.set_cdw0(sqe.cdw0().with_cid(cid));
    sqe.nsid = 1.into();
    sqe.cdw10 = slba.into();
    sqe.cdw12 = 7.into();
    sqe
}

fn cqe(cid: u16, status: Status) -> Cqe {
    let mut cqe = Cqe::new_zeroed();
    cqe.cid = cid.into();
    cqe.set_status_field(StatusField::from_status(status));
    cqe
}

/// A log with a command of each outcome: Identify, Read, a failed Write, Flush in flight, a Read that completed late.
fn example() -> Dump {
    let log = CmdLog::new(GEOMETRY).unwrap();
    fill(&log);
    let dump = log.dump(&Selection::all());
    let failing = dump.records[2].token;
    dump.failing(failing)
}

fn fill(log: &CmdLog) {
    let (admin, queue) = (log.ring(0, 0), log.ring(1, 1));
    let here = Location::caller();
    let start = log.created_ns() + 500;
    let mut identify = Sqe::with_opcode(AdminOpcode::IDENTIFY.0);
    identify.set_cdw0(identify.cdw0().with_cid(9));
    let token = admin.submitted(&identify, here, start);
    admin.completed(token, &cqe(9, Status::SUCCESS), start + 1_000);
    log.mark("a test");
    let token = queue.submitted(&io(NvmOpcode::READ, 1, 0x10), here, start + 2_000);
    let write = queue.submitted(&io(NvmOpcode::WRITE, 2, 0x20), here, start + 3_000);
    queue.completed(write, &cqe(2, Status::LBA_OUT_OF_RANGE), start + 4_000);
    queue.completed(token, &cqe(1, Status::SUCCESS), start + 5_000);
    queue.submitted(&io(NvmOpcode::FLUSH, 3, 0), here, start + 6_000);
    let late = queue.submitted(&io(NvmOpcode::READ, 4, 0x30), here, start + 7_000);
    queue.abandoned(late, start + 8_000);
    queue.completed(late, &cqe(4, Status::SUCCESS), start + 9_000);
}

fn lines_of(dump: &Dump) -> Vec<u8> {
    let mut lines = Vec::new();
    dump.write_json_lines(&mut lines).unwrap();
    lines
}

fn in_evidence(lines: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cmdlog.jsonl"), lines).unwrap();
    folder
}

fn cids(folder: &Path, filter: &Filter) -> Vec<u16> {
    let mut input = Input::open(folder).unwrap();
    let cids = filter.select(&mut input).map(|record| record.sqe.cdw0().cid()).collect();
    assert_eq!(input.note(), None);
    cids
}

#[test]
fn each_condition_selects_its_commands() {
    let folder = in_evidence(&lines_of(&example()));
    let check = |arguments: &[&str], expected: &[u16]| {
        let tool = parse(&[&["show", "log"], arguments].concat());
        let Tool::Show(show) = tool.unwrap() else { panic!("{arguments:?}") };
        assert_eq!(cids(folder.path(), &show.filter), expected, "{arguments:?}");
    };
    check(&[], &[9, 1, 2, 3, 4]);
    check(&["--queue", "1"], &[1, 2, 3, 4]);
    check(&["--queue", "0", "--queue", "7"], &[9]);
    check(&["--admin"], &[9]);
    check(&["--io"], &[1, 2, 3, 4]);
    check(&["--opcode", "read"], &[1, 4]);
    check(&["--opcode", "Identify", "--opcode", "00h"], &[9, 3]);
    check(&["--opcode", "0x1"], &[2]);
    check(&["--lba", "0x17..0x20"], &[1]);
    check(&["--lba", "0x18..=0x20"], &[2]);
    check(&["--lba", "0x27"], &[2]);
    check(&["--status", "success"], &[9, 1]);
    check(&["--status", "error"], &[2, 4]);
    check(&["--status", "none"], &[3]);
    check(&["--status", "late"], &[4]);
    check(&["--status", "lba-out-of-range"], &[2]);
    check(&["--status", "0x80"], &[2]);
    check(&["--status", "0/0x80"], &[2]);
    check(&["--status", "1/0x80"], &[]);
    check(&["--since", "3us"], &[2, 3, 4]);
    check(&["--since", "2us", "--until", "0.000006s"], &[1, 2]);
    check(&["--process", "1"], &[]);
    check(&["--first", "2"], &[9, 1]);
    check(&["--last", "2"], &[3, 4]);
    check(&["--io", "--last", "0"], &[]);
    check(&["--opcode", "read", "--status", "late"], &[4]);
}

#[test]
fn a_name_that_is_none_is_a_sentence_with_all_there_are() {
    let error = |arguments: &[&str]| parse(&[&["show", "log"], arguments].concat()).unwrap_err();
    for (arguments, sentences) in [
        (["--opcode", "raed"], ["no command is called `raed`", "write-zeroes, ", "identify"]),
        (["--status", "bad"], ["no status is called `bad`", "SCT/SC", "lba-out-of-range"]),
        (["--lba", "5..5"], ["`5..5` is no range of blocks", "0..1024", ""]),
        (["--since", "soon"], ["`soon` is no time", "300us", ""]),
    ] {
        let error = error(&arguments);
        assert!(sentences.iter().all(|it| error.contains(it)), "{error}");
    }
    let error = parse(&["export", "log", "--format", "pdf"]).unwrap_err();
    assert!(error.contains("jsonl, chrome, pcap"), "{error}");
}

fn parse(arguments: &[&str]) -> Result<Tool, String> {
    #[derive(clap::Parser)]
    struct Cli {
        #[command(subcommand)]
        tool: Tool,
    }
    let all = std::iter::once("cmdlog").chain(arguments.iter().copied());
    <Cli as clap::Parser>::try_parse_from(all)
        .map(|cli| cli.tool)
        .map_err(|error| error.to_string())
}

#[test]
fn the_text_marks_the_failing_command_and_has_the_marks() {
    let folder = in_evidence(&lines_of(&example()));
    let text = |filter: &Filter| {
        let mut output = Vec::new();
        show::write_text(&mut Input::open(folder.path()).unwrap(), filter, &mut output).unwrap();
        String::from_utf8(output).unwrap()
    };
    let all = text(&Filter::default());
    let failing: Vec<&str> = all.lines().filter(|line| line.starts_with(">>>")).collect();
    assert!(matches!(failing[..], [line] if line.contains("Write nsid=1 slba=0x20")), "{all}");
    assert!(all.contains("--- a test") && all.contains("    +0.000000000"), "{all}");

    let other = text(&Filter { admin: true, ..Filter::default() });
    assert!(other.contains("the command that failed is not among these"), "{other}");
}

#[test]
fn both_kinds_of_log_are_found_in_a_folder_and_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |sentence: &str| {
        let error = Input::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(sentence), "{error}");
    };
    refused("no command log is in the folder");
    let log = CmdLog::create(folder.path().join("run.cmdlog"), GEOMETRY).unwrap();
    fill(&log);
    let shared: Vec<Record> = Input::open(folder.path()).unwrap().collect();
    assert_eq!(shared, log.records(&Selection::all()));

    let evidence = folder.path().join("evidence/a/attempt-1");
    fs::create_dir_all(&evidence).unwrap();
    fs::write(evidence.join("cmdlog.jsonl"), lines_of(&log.dump(&Selection::all()))).unwrap();
    refused("2 command logs are in the folder");
    let lines: Vec<Record> = Input::open(&evidence).unwrap().collect();
    assert_eq!(lines, shared);
}

#[test]
fn what_is_no_log_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for (content, sentence) in [
        (&b""[..], "is neither a command log"),
        (b"some text", "is neither a command log"),
        (b"{\"kind\":\"run\"}\n", "is not a command log: its first line is not that of a log"),
        (b"{nonsense\n", "is not a command log: "),
        (b"NVMECLOG", "it is not a command log"),
    ] {
        fs::write(&path, content).unwrap();
        let error = Input::open(&path).unwrap_err().to_string();
        assert!(error.contains(sentence) && error.lines().count() == 1, "{error}");
    }
    let error = Input::open(folder.path().join("none")).unwrap_err().to_string();
    assert!(error.contains("No such file"), "{error}");
    let error = Input::open("/dev/null").unwrap_err().to_string();
    assert!(error.contains("is not a file"), "{error}");
}

#[test]
fn of_a_log_that_is_cut_off_the_whole_lines_are_read() {
    let lines = lines_of(&example());
    let folder = in_evidence(&lines[..lines.len() - 20]);
    let mut input = Input::open(folder.path()).unwrap();
    assert_eq!(input.by_ref().count(), 4);
    let note = input.note().unwrap();
    assert!(note.contains("it ends in the middle of line"), "{note}");
}

#[test]
fn a_line_that_is_wrong_costs_itself_and_is_named() {
    let lines = String::from_utf8(lines_of(&example())).unwrap();
    let damaged = lines.replacen("\"sqe\":\"06", "\"sqe\":\"xx", 1) + &lines;
    let folder = in_evidence(damaged.as_bytes());
    let mut input = Input::open(folder.path()).unwrap();
    assert_eq!(input.by_ref().count(), 4 + 5);
    let note = input.note().unwrap();
    assert!(note.contains("sqe is not 64 bytes in hexadecimal"), "{note}");
    assert!(note.contains("lines are left out"), "{note}");
}

#[test]
fn json_lines_of_a_selection_are_a_log_again() {
    let dump = example();
    let folder = in_evidence(&lines_of(&dump));
    let filter = Filter { io: true, ..Filter::default() };
    let mut output = Vec::new();
    let mut input = Input::open(folder.path()).unwrap();
    show::write_json(&mut input, &filter, &mut output).unwrap();
    let again = Dump::read_json_lines(&output[..]).unwrap();
    assert_eq!(again.records, dump.records[1..]);
    assert_eq!((again.failing, again.marks), (dump.failing, dump.marks));
}

#[test]
fn the_counts_are_those_of_the_log() {
    let mut stats = Stats::default();
    example().records.iter().for_each(|record| stats.add(record));
    let groups = stats.groups();
    let names: Vec<(u16, &str, u64)> =
        groups.iter().map(|it| (it.sqid, it.name.as_str(), it.submitted)).collect();
    assert_eq!(names, [(0, "Identify", 1), (1, "Flush", 1), (1, "Write", 1), (1, "Read", 2)]);
    let read = &groups[3];
    assert_eq!(read.statuses, [("Successful Completion (00h/00h)".to_owned(), 2)].into());
    assert_eq!((read.abandoned, read.pending, read.latency.max_ns()), (1, 0, 3_000));
    assert_eq!(stats.pending().len(), 1);
    assert_eq!(stats.pending()[0].text, "Flush nsid=1");

    let text = stats.text(true).to_string();
    assert!(text.contains("1 LBA Out of Range (00h/80h)"), "{text}");
    assert!(text.contains("Without a completion: 1"), "{text}");
}

#[test]
fn the_events_of_a_trace_nest_and_each_command_has_one() {
    let log = CmdLog::new(Geometry { entries: 128, ..GEOMETRY }).unwrap();
    let ring = log.ring(1, 1);
    for n in 0..100 {
        let token = ring.submitted(&io(NvmOpcode::READ, n as u16, 0), Location::caller(), n * 10);
        if n % 7 != 0 {
            ring.completed(token, &cqe(n as u16, Status::SUCCESS), n * 10 + n * 37 % 101);
        }
    }
    let mut dump = log.dump(&Selection::all());
    dump.created_ns = 0;
    let mut output = Vec::new();
    write_chrome_trace(&dump, dump.records.clone(), &mut output).unwrap();
    let trace: serde_json::Value = serde_json::from_slice(&output).unwrap();
    let mut lanes = std::collections::HashMap::<u64, u64>::new();
    let mut commands = 0;
    for event in trace["traceEvents"].as_array().unwrap() {
        let ns = |value: &serde_json::Value| (value.as_f64().unwrap() * 1000.0).round() as u64;
        let (from, to) = match event["ph"].as_str().unwrap() {
            "X" => (ns(&event["ts"]), ns(&event["ts"]) + ns(&event["dur"])),
            "B" => (ns(&event["ts"]), u64::MAX),
            _ => continue,
        };
        commands += 1;
        let free = lanes.entry(event["tid"].as_u64().unwrap()).or_default();
        assert!(*free <= from, "{event}");
        *free = to;
    }
    assert_eq!(commands, 100);
}

/// Takes a capture apart: of each frame the time and the PDU.
fn frames(capture: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let word = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().unwrap());
    let (mut at, mut frames) = (0, Vec::new());
    while at < capture.len() {
        let len = word(at + 4) as usize;
        assert_eq!(word(at + len - 4) as usize, len);
        if word(at) == 6 {
            let unix_ns = u64::from(word(at + 12)) << 32 | u64::from(word(at + 16));
            let frame = &capture[at + 28..at + 28 + word(at + 20) as usize];
            frames.push((unix_ns, frame[54..].to_vec()));
        }
        at += len;
    }
    frames
}

#[test]
fn a_capture_has_the_entries_as_they_were_in_the_order_of_time() {
    use zerocopy::IntoBytes;

    let dump = example();
    let mut capture = Vec::new();
    write_capture(&dump, dump.records.clone(), &mut capture).unwrap();
    let frames = frames(&capture);
    assert!(frames.is_sorted_by_key(|(unix_ns, _)| *unix_ns));

    let records = &dump.records;
    let (unix_ns, _) = frames[0];
    assert_eq!(unix_ns, dump.created_unix_ns + (records[0].submitted_ns - dump.created_ns));
    // The Connect commands have data, and are longer than those of the log.
    let of = |kind: u8, len: usize| {
        let it =
            frames.iter().map(|(_, pdu)| pdu).filter(move |it| it.len() == len && it[0] == kind);
        it.map(|pdu| pdu[8..].to_vec()).collect::<Vec<_>>()
    };
    let commands: Vec<Vec<u8>> = records.iter().map(|it| it.sqe.as_bytes().to_vec()).collect();
    assert_eq!(of(4, 72), commands);
    let completions = [0, 2, 1, 4].map(|index: usize| records[index].cqe().unwrap());
    let completions = completions.map(|cqe| cqe.as_bytes().to_vec());
    // Those of the Connect commands have the controller identifier in them.
    let found: Vec<_> = of(5, 24).into_iter().filter(|cqe| cqe[0] == 0).collect();
    assert_eq!(found, completions);
}

#[test]
fn an_export_does_not_overwrite_the_log_that_it_reads() {
    let folder = in_evidence(&lines_of(&example()));
    let path = folder.path().join("cmdlog.jsonl");
    let before = fs::read(&path).unwrap();
    let export = Export {
        log: folder.path().to_owned(),
        format: Format::Jsonl,
        output: Some(path.clone()),
        filter: Filter::default(),
    };
    let error = export.run().unwrap_err().to_string();
    assert!(error.contains("is the log that is read"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// Has every tool do its work on a file.
fn use_all(path: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let output = || Some(folder.path().join("output"));
    let tools = || -> Result<(), ToolError> {
        let log = || path.to_owned();
        let mut text = Vec::new();
        show::write_text(&mut Input::open(path)?, &Filter::default(), &mut text).unwrap();
        let text = String::from_utf8_lossy(&text);
        assert!(text.chars().all(|char| char == '\n' || !char.is_control()), "{text:?}");
        let mut stats = Stats::default();
        Input::open(path)?.for_each(|record| stats.add(&record));
        let _ = stats.text(true).to_string();
        for format in [Format::Jsonl, Format::Chrome, Format::Pcap] {
            Export { log: log(), format, output: output(), filter: Filter::default() }.run()?;
        }
        let svg = output();
        let filter = Filter { last: Some(3), ..Filter::default() };
        TimelineArguments { log: log(), svg, commands: None, width: 100, filter }.run()?;
        let mut input = Input::open(path)?;
        let dump = timeline::around(&mut input, &Filter::default(), 100);
        timeline::draw(&dump, 100, 80, &mut std::io::sink()).unwrap();
        Ok(())
    };
    // A file that is refused was refused with a sentence.
    if let Err(error) = tools() {
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
}

fn healthy(path: &Path) -> Vec<u8> {
    let log = CmdLog::create(path, GEOMETRY).unwrap();
    fill(&log);
    fs::read(path).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_anywhere_in_a_shared_log_is_borne(
        damages in vec((any::<prop::sample::Index>(), prop_oneof![any::<u64>(), 0_u64..64, Just(u64::MAX)]), 1..48),
        entries in vec((24_usize..28, any::<u64>()), 0..4),
    ) {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("log.cmdlog");
        let mut content = healthy(&path);
        for (at, value) in damages {
            // The header is spared: without it there is no log.
            let at = 512 + at.index(content.len() / 8 - 512);
            content[at * 8..][..8].copy_from_slice(&value.to_ne_bytes());
        }
        // Of some entries of the first rings the times are wild, and the stamps whole.
        for (entry, time) in entries {
            let at = content.len() - GEOMETRY.rings as usize * 8 * 128 + (entry % 24) * 128 + 8;
            content[at..][..8].copy_from_slice(&time.to_ne_bytes());
        }
        fs::write(&path, content)?;
        use_all(&path);
    }

    #[test]
    fn damage_anywhere_in_json_lines_is_borne(
        damages in vec((any::<prop::sample::Index>(), any::<u8>()), 0..16),
        len in any::<prop::sample::Index>(),
    ) {
        let mut lines = lines_of(&example());
        for (at, byte) in damages {
            let at = at.index(lines.len());
            lines[at] = byte;
        }
        lines.truncate(len.index(lines.len()) + 1);
        let folder = in_evidence(&lines);
        use_all(folder.path());
    }

    #[test]
    fn any_numbers_in_json_lines_are_borne(
        numbers in vec(prop_oneof![any::<u64>(), Just(u64::MAX), 0_u64..100], 12),
    ) {
        let lines = String::from_utf8(lines_of(&example())).unwrap();
        let mut numbers = numbers.into_iter().cycle();
        let mut wild = String::new();
        for line in lines.lines() {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            for name in ["submitted_ns", "completed_ns", "abandoned_ns", "at_ns", "created_ns", "created_unix_ns"] {
                if line[name].is_u64() {
                    line[name] = numbers.next().unwrap().into();
                }
            }
            wild += &format!("{line}\n");
        }
        let folder = in_evidence(wild.as_bytes());
        use_all(folder.path());
    }

    #[test]
    fn noise_is_refused_with_a_sentence(content in vec(any::<u8>(), 0..9000), kind in 0_usize..3) {
        let folder = tempfile::tempdir()?;
        let path: PathBuf = folder.path().join("x.cmdlog");
        let mut file = fs::File::create(&path)?;
        file.write_all([&b""[..], b"NVMECLOG", b"{"][kind])?;
        file.write_all(&content)?;
        prop_assert!(Input::open(&path).is_err());
    }
}

#[test]
fn a_log_can_be_read_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.cmdlog");
    let log = CmdLog::create(&path, GEOMETRY).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                fill(&log);
            }
        });
        for _ in 0..20 {
            use_all(&path);
            assert!(Input::open(&path).unwrap().count() <= 24);
        }
        stop.store(true, Relaxed);
    });
}
