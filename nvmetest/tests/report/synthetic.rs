//! A run that never was: as many tests as wanted, with all verdicts, on drives that are made up.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::io::BufWriter;
use std::panic::Location;
use std::path::Path;

use nvmetest::cmdlog::CmdLog;
use nvmetest::cmdlog::Selection;
use nvmetest::results::*;
use nvmetest::runner::Verdict;
use nvmetest::spec::Cqe;
use nvmetest::spec::NvmOpcode;
use nvmetest::spec::Sqe;
use zerocopy::FromZeros;

/// 2026-11-22T20:00:00Z.
const STARTED_MS: u64 = 1_795_377_600_000;

const PLACES: [(&str, &str, &str); 12] = [
    ("registers", "Base 3.1.4.1", "cap_is_the_same_after_a_reset"),
    ("reset", "Base 3.7.2", "a_controller_reset_deletes_io_queues"),
    ("identify", "Base 5.1.13.2.1", "reserved_bytes_are_zero"),
    ("identify", "NVM 4.1.5.1", "nuse_is_not_more_than_ncap"),
    ("queue_creation", "Base 5.2.2", "a_submission_queue_needs_a_completion_queue"),
    ("features", "Base 5.1.25.1.4", "a_changed_threshold_is_kept"),
    ("log_pages", "Base 5.1.12.1.3", "composite_temperature_is_plausible"),
    ("read_write", "NVM 3.3.4", "a_read_past_the_end_fails"),
    ("read_write", "NVM 3.3.6", "what_was_written_is_read"),
    ("write_zeroes", "NVM 3.3.8", "zeroes_are_read_afterwards"),
    ("interrupts", "PCIe transport 3.5", "a_masked_vector_is_pending"),
    ("ioworker", "Base 3.3.1", "random_reads_meet_the_budget"),
];

/// What a run has at least, so that each verdict is there: the rest pass.
pub fn verdict(index: usize) -> Verdict {
    match index % 97 {
        5 | 61 => Verdict::Fail,
        7 => Verdict::ExpectedFail,
        11 | 13 | 17 | 71 => Verdict::NotApplicable,
        19 => Verdict::Skipped,
        23 => Verdict::Timeout,
        29 => Verdict::Flake,
        _ => match index % 199 {
            31 => Verdict::Crash,
            37 => Verdict::DutLost,
            41 => Verdict::Blocked,
            43 => Verdict::Missing,
            47 => Verdict::UnexpectedPass,
            _ => Verdict::Pass,
        },
    }
}

/// Makes the lines of a run of `tests` tests on `devices` drives.
pub fn lines(tests: usize, devices: u32, mode: Mode) -> Vec<Line> {
    let run = Run {
        schema: SCHEMA,
        id: "20261122-200000-lab7".into(),
        tool: "0.1.0".into(),
        suite: Suite { name: "nvme".into(), tests: tests as u64, hash: "8f31c02be4".into() },
        profile: "default".into(),
        mode,
        seed: 4_207_849_484,
        shard: None,
        host: "lab7".into(),
        command: ["nvmetest-qualify", "run", "--profile", "default", "--out", "runs/1"]
            .map(Into::into)
            .into(),
        started_ms: STARTED_MS,
    };
    let mut lines = vec![run.into()];
    for device in 0..devices {
        lines.push(drive(device).into());
        lines.push(health(device, Moment::Before).into());
    }
    for index in 0..tests {
        lines.push(planned(index, devices).into());
    }
    for index in 0..tests {
        lines.extend(attempts(index, devices).into_iter().map(Line::from));
    }
    for device in 0..devices {
        lines.push(health(device, Moment::After).into());
    }
    let quarantined = Note {
        about: Subject::Quarantined,
        device: Some(0),
        test: Some(planned(37, devices).test),
        text: "it lost the device three times, and is not run any more".into(),
        at_ms: STARTED_MS + 90_000,
    };
    lines.push(quarantined.into());
    lines.push(End { reason: EndReason::Complete, exit: 1, took_ms: 1_391_000 }.into());
    lines
}

fn drive(device: u32) -> Device {
    let choice = |name: &str, value: String, clause: &str| Choice {
        name: name.into(),
        value,
        clause: clause.into(),
    };
    Device {
        device,
        uri: format!("pci:0000:{:02x}:00.0", device + 1),
        model: "Example NVMe 7400 Pro 1.92 TB".into(),
        serial: format!("S7X0NE00{device:06}"),
        firmware: if device == 0 { "EX4100C2" } else { "EX4100C1" }.into(),
        version: "2.1.0".into(),
        choices: vec![
            choice("MDTS", "256 KiB".into(), "Base 5.1.13.2.1"),
            choice("VWC", format!("{}", device % 2), "Base 5.1.13.2.1"),
            choice("AWUPF", "0h (one block)".into(), "Base 5.1.13.2.1"),
            choice("MQES", "1023".into(), "Base 3.1.4.1"),
        ],
        opened_ms: STARTED_MS,
    }
}

fn health(device: u32, when: Moment) -> Health {
    let after = u64::from(when == Moment::After);
    let values = [
        ("critical_warning", 0),
        ("composite_temperature_k", 311 + 6 * after),
        ("available_spare_percent", 100),
        ("percentage_used", 3),
        ("data_units_read", 1_839_201 + 48_213 * after),
        ("data_units_written", 920_113 + 39_870 * after),
        ("power_cycles", 41),
        ("unsafe_shutdowns", 12 + after),
        ("media_and_data_integrity_errors", 0),
    ];
    let values = values.map(|(name, value)| (name.to_owned(), value));
    Health { device, when, values: BTreeMap::from(values) }
}

pub fn planned(index: usize, devices: u32) -> Planned {
    let (area, clause, name) = PLACES[index % PLACES.len()];
    Planned {
        device: (devices != 0).then(|| index as u32 % devices),
        test: format!("{area}::{name}_{index}"),
        area: area.into(),
        clause: Some(clause.into()),
        file: format!("suites/src/{area}.rs"),
        line: 10 + index as u32 % 500,
    }
}

fn attempts(index: usize, devices: u32) -> Vec<Attempt> {
    let planned = planned(index, devices);
    let verdict = verdict(index);
    let waiver = || Waiver {
        verdict: Verdict::Fail,
        clause: planned.clause.clone().unwrap_or_default(),
        reason: "the status is Invalid Field in Command, and not the one of the clause".into(),
        link: Some("https://bugs.example.com/4711".into()),
        expires: Some("2027-03-31".into()),
    };
    let attempt = |number: u32, verdict: Verdict| Attempt {
        device: planned.device.unwrap_or_default(),
        test: planned.test.clone(),
        attempt: number,
        verdict,
        found: match verdict {
            Verdict::ExpectedFail => Verdict::Fail,
            Verdict::UnexpectedPass => Verdict::Pass,
            other => other,
        },
        message: message(verdict, &planned),
        started_ms: STARTED_MS + 1_000 * index as u64,
        took_us: 300 + (index as u64 * 7_919) % 90_000,
        waiver: matches!(verdict, Verdict::ExpectedFail | Verdict::UnexpectedPass).then(waiver),
        evidence: verdict.is_failure().then(|| evidence_of(index, number)),
        rerun: verdict.is_failure().then(|| {
            format!(
                "nvmetest-qualify run --device pci:0000:01:00.0 --seed 4207849484 --exact {}",
                planned.test
            )
        }),
        measured: Vec::new(),
        workers: Vec::new(),
        commands: vec![times("Identify", true, index), times("Read", false, index)],
    };
    match verdict {
        Verdict::Missing => Vec::new(),
        Verdict::Flake => vec![attempt(1, Verdict::Fail), attempt(2, Verdict::Pass)],
        verdict => {
            let mut attempt = attempt(1, verdict);
            if planned.area == "ioworker" && index < 60 {
                attempt.measured = figures(index);
                attempt.workers = vec![worker(index)];
            }
            vec![attempt]
        }
    }
}

fn message(verdict: Verdict, planned: &Planned) -> String {
    match verdict {
        Verdict::Pass | Verdict::UnexpectedPass => String::new(),
        Verdict::Skipped => "the profile leaves out what changes the format".into(),
        Verdict::NotApplicable => "ONCS bit 3 is 0: Write Zeroes is not supported".into(),
        Verdict::Blocked => "no namespace could be identified".into(),
        Verdict::DutLost => "CSTS reads FFFFFFFFh: the device does not answer".into(),
        // Who obeys this has a script in the page.
        Verdict::Fail if planned.line.is_multiple_of(2) => {
            "</pre></div></details><script>obeyed = 1</script><img src=x onerror=\"obeyed = 1\">\u{1b}[31m\u{202e}".into()
        }
        Verdict::Crash => "the process that ran the test ended with SIGSEGV".into(),
        Verdict::Timeout => "the test took 60.1s, and may take 60s".into(),
        _ => format!(
            "Read nsid=1 slba=0x800000 nlb=7 completed with Successful Completion, and LBA Out of Range was expected\n  \
             at {}:{}\n  \
             the command has CID 0x0013 on queue 1, and completed after 43.1 µs",
            planned.file,
            planned.line + 6,
        ),
    }
}

fn times(command: &str, admin: bool, index: usize) -> CommandTimes {
    CommandTimes {
        command: command.into(),
        admin,
        count: 3,
        pending: 0,
        latency: vec![(50.0, 20_000), (100.0, 30_000 + index as u64)],
        limits: vec![(100.0, 10_000_000_000)],
        slowest: format!("{command} nsid=1 (suites/src/area.rs:{index})"),
    }
}

fn figures(index: usize) -> Vec<Measurement> {
    let figure = |name: &str, value: f64, unit: &str, limit: Option<f64>| Measurement {
        name: name.into(),
        value,
        unit: unit.into(),
        limit,
        at_least: None,
    };
    vec![
        figure("read.p99", 180_000.0 + index as f64 * 9_000.0, "ns", Some(400_000.0)),
        figure("read.p99.99", 2_100_000.0, "ns", Some(2_000_000.0)),
        figure("errors", 0.0, "commands", Some(0.0)),
        figure("bandwidth", 1_512.4, "MiB/s", None),
    ]
}

fn worker(index: usize) -> Worker {
    let percentiles = [50.0, 90.0, 99.0, 99.9, 99.99, 99.999];
    let curve = |base: f64| {
        let point = |(place, percentile): (usize, &f64)| {
            (*percentile, (base * 1.9_f64.powi(place as i32)) as u64)
        };
        percentiles.iter().enumerate().map(point).collect()
    };
    let seconds: Vec<u32> = (0..60_u32)
        .map(|second| 380_000 + (second * 7_919 % 23_000) - if second == 33 { 210_000 } else { 0 })
        .collect();
    Worker {
        name: format!("4 KiB random, 70 % reads, depth 32, worker {index}"),
        commands: seconds.iter().copied().map(u64::from).sum(),
        errors: 0,
        iops: 388_211.0,
        seconds,
        step_s: 1,
        latency: vec![("Read".into(), curve(78_000.0)), ("Write".into(), curve(21_000.0))],
    }
}

fn evidence_of(index: usize, attempt: u32) -> String {
    format!("evidence/{index}/attempt-{attempt}")
}

/// Writes the run into `folder`, with the evidence of what failed.
pub fn write(folder: &Path, lines: &[Line]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let path = folder.join("results.jsonl");
    let _ = fs::remove_file(&path);
    let mut writer = Writer::create(&path)?;
    for line in lines {
        writer.write(line.clone())?;
        if let Line::Attempt(Attempt { evidence: Some(place), .. }) = line {
            evidence(&folder.join(place))?;
        }
    }
    Ok(())
}

/// Writes what a failing test leaves.
pub fn evidence(place: &Path) -> io::Result<()> {
    fs::create_dir_all(place)?;
    let log = CmdLog::new(Default::default())?;
    let (admin, io) = (log.ring(0, 0), log.ring(1, 1));
    let start = nvmetest::cmdlog::now_ns();
    let mut failing = None;
    for index in 0..64_u64 {
        let mut sqe = Sqe::new_zeroed();
        sqe.set_opcode(
            [NvmOpcode::READ.0, NvmOpcode::WRITE.0][usize::from(index.is_multiple_of(3))],
        );
        sqe.nsid = 1.into();
        let at = start + index * 9_000;
        let ring = if index.is_multiple_of(16) { &admin } else { &io };
        let token = ring.submitted(&sqe, Location::caller(), at);
        let mut cqe = Cqe::new_zeroed();
        if index == 41 {
            // LBA Out of Range.
            cqe.status = (0x80 << 1).into();
            failing = Some(token);
        }
        if index != 63 {
            ring.completed(token, &cqe, at + 20_000 + index * 700);
        }
    }
    let mut dump = log.dump(&Selection::all());
    dump.failing = failing;
    dump.write_json_lines(BufWriter::new(fs::File::create(place.join("cmdlog.jsonl"))?))?;
    fs::write(
        place.join("registers.txt"),
        "0000h CAP: 0x0000002028010fff\n0008h VS: 0x00020100\n0014h CC: 0x00460001\n001ch CSTS: 0x00000001\n",
    )?;
    fs::write(
        place.join("source.txt"),
        "  31 | fn a_read_past_the_end_fails(q: &Qpair, ns: Namespace, mut data: Buffer) -> Result {\n\
         > 32 |     ns.read(&mut data, ns.capacity()).expect(Status::LBA_OUT_OF_RANGE).run(q)?;\n  \
         33 |     Ok(())\n  34 | }\n",
    )
}
