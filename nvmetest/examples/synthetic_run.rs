//! Makes a run that never was, and its report: `cargo run -p nvmetest --example synthetic_run -- FOLDER [TESTS [DEVICES]]`.
//!
//! The report is looked at in a browser with it (`cargo xtask browser`), and measured.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use nvmetest::report;
use nvmetest::results::Mode;
use nvmetest::results::Results;

#[path = "../tests/report/synthetic.rs"]
mod synthetic;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name a folder to make")?);
    let tests = arguments.next().map_or(Ok(1_000), |tests| tests.parse())?;
    let devices = arguments.next().map_or(Ok(2), |devices| devices.parse())?;

    let before = synthetic::lines(tests + 3, devices, Mode::Ci);
    synthetic::write(&folder.join("earlier"), &before)?;
    synthetic::write(&folder, &synthetic::lines(tests, devices, Mode::Ci))?;
    let start = Instant::now();
    let files = report::write(&folder)?;
    let took = start.elapsed();
    let size = files[0].metadata()?.len();
    println!("{} has {size} bytes; all files were made in {took:.2?}", files[0].display());

    let results = Results::read(&folder.join(report::RESULTS))?;
    let mut earlier = Results::read(&folder.join("earlier").join(report::RESULTS))?;
    for attempt in earlier.attempts.iter_mut().step_by(50) {
        attempt.verdict = nvmetest::runner::Verdict::Pass;
        attempt.took_us *= 3;
    }
    std::fs::write(folder.join("against.html"), report::html(&results, &folder, Some(&earlier)))?;
    Ok(())
}
