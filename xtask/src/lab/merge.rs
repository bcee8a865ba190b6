//! `cargo xtask lab merge`.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::ensure;
use clap::Args;
use nix::sys::resource::UsageWho;
use nix::sys::resource::getrusage;
use nix::sys::time::TimeVal;
use nix::sys::time::TimeValLike;

use super::results;
use crate::qualify;

const RESULTS: usize = 100_000;
const SHARDS: usize = 8;

/// What joining so many may take of a processor.
const TIME: Duration = Duration::from_secs(5);
/// In MiB.
const MEMORY: u64 = 500;

/// Join 100,000 results, and print how long it takes and how much memory it needs
#[derive(Args)]
pub struct Merge {
    /// Build with optimization
    #[arg(long)]
    release: bool,
}

impl Merge {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        println!("{}", check(self.release)?);
        Ok(ExitCode::SUCCESS)
    }
}

/// Does it. Returns what was seen.
pub fn check(release: bool) -> anyhow::Result<String> {
    let program = qualify::build(release)?;
    let folder = tempfile::tempdir()?;
    let inputs: Vec<PathBuf> =
        (1..=SHARDS).map(|index| shard(folder.path(), index)).collect::<Result<_, _>>()?;
    let out = folder.path().join("out");

    let (start, used) = (Instant::now(), processor_time()?);
    let mut merge =
        Command::new(&program).arg("merge").arg("--out").arg(&out).args(&inputs).spawn()?;
    let memory = peak(&mut merge)?;
    let took = start.elapsed();
    let status = merge.wait()?;
    let used = processor_time()?.saturating_sub(used);
    ensure!(status.success(), "merge ends with {status}");

    let verdicts = results::verdicts(&out)?;
    ensure!(verdicts.len() == RESULTS, "{} of {RESULTS} tests are there", verdicts.len());
    ensure!(verdicts.values().all(|verdict| verdict == "Pass"), "a verdict was lost");
    let bytes = fs::metadata(out.join("results.jsonl"))?.len() >> 20;
    let figures = format!(
        "{RESULTS} results ({bytes} MiB) of {SHARDS} shards in {:.2} s, {:.2} s of a processor, and {memory} MiB",
        took.as_secs_f64(),
        used.as_secs_f64()
    );
    // What else the machine does is no matter of the program's.
    ensure!(used <= TIME && memory <= MEMORY, "{figures}; it may take {TIME:?} and {MEMORY} MiB");
    Ok(figures)
}

/// Returns what processes used that were waited for.
fn processor_time() -> anyhow::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let time = |of: TimeVal| Duration::from_micros(of.num_microseconds().unsigned_abs());
    Ok(time(usage.user_time()) + time(usage.system_time()))
}

/// Waits until a process ends. Returns the most memory that it was seen to have, in MiB.
fn peak(process: &mut Child) -> anyhow::Result<u64> {
    let status = format!("/proc/{}/status", process.id());
    let mut most = 0;
    while process.try_wait()?.is_none() {
        // It may end at any time, and then has none.
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        most = most.max(kib.unwrap_or_default() / 1024);
        thread::sleep(Duration::from_millis(5));
    }
    Ok(most)
}

/// Writes a shard as a run would, with attempts of the usual length.
fn shard(folder: &Path, index: usize) -> anyhow::Result<PathBuf> {
    let folder = folder.join(format!("shard-{index}"));
    fs::create_dir(&folder)?;
    let tests = || (0..RESULTS).filter(|number| number % SHARDS == index - 1);
    let mut text = format!(
        r#"{{"kind":"run","schema":1,"id":"r{index}","tool":"0","suite":{{"name":"nvme","tests":{RESULTS},"hash":"0"}},"profile":"default","mode":"ci","seed":7,"shard":{{"index":{index},"count":{SHARDS},"tests":{RESULTS},"cut":1}},"host":"h","command":[],"started_ms":0}}
{{"kind":"device","device":0,"uri":"soft:","model":"m","serial":"s{index}","firmware":"1","version":"2.1.0","opened_ms":0}}
"#
    );
    for number in tests() {
        writeln!(
            text,
            r#"{{"kind":"test","device":0,"test":"area_{}::a_name_of_the_usual_length::case_{number}","area":"area","clause":"Base 5.1.13.2.1","file":"suites/src/area.rs","line":{number}}}"#,
            number % 40
        )?;
    }
    for number in tests() {
        writeln!(
            text,
            r#"{{"kind":"attempt","device":0,"test":"area_{}::a_name_of_the_usual_length::case_{number}","attempt":1,"verdict":"Pass","found":"Pass","message":"a sentence of some words, as a test that does not pass has one","started_ms":1795391040722,"took_us":{number},"rerun":"nvmetest-qualify run --device soft: --exact area::a_name_of_the_usual_length::case_{number}"}}"#,
            number % 40
        )?;
    }
    writeln!(text, r#"{{"kind":"end","reason":"complete","exit":0,"took_ms":10}}"#)?;
    fs::write(folder.join("results.jsonl"), text).context("there is no room for the results")?;
    Ok(folder)
}
