//! What the engine costs.

use std::fs;
use std::io;
use std::time::Duration;
use std::time::Instant;

use libtest_mimic::Failed;

use super::Bench;

/// What a test may cost more than under the plain runner.
const MOST: Duration = Duration::from_millis(1);

pub fn the_engine_takes_little_time() -> Result<(), Failed> {
    let mut pairs = Vec::new();
    for _ in 0..5 {
        pairs.push((plain()?, engine()?));
    }
    // The least of several: what else the machine does only adds.
    let plain = pairs.iter().map(|pair| pair.0).min().unwrap_or_default();
    let engine = pairs.iter().map(|pair| pair.1).min().unwrap_or_default();
    let more = engine.saturating_sub(plain) / 250;
    println!(
        "250 trivial tests with start and end: {plain:.1?} by the plain runner, {engine:.1?} by the engine with its report; \
         {more:.1?} a test, which may be {MOST:?}"
    );
    assert!(more < MOST, "{more:?} a test");
    Ok(())
}

fn plain() -> io::Result<Duration> {
    let bench = Bench::new()?;
    let start = Instant::now();
    bench
        .finish(bench.bare(&["test", "trivial::", "--device", "soft:size=1MiB"]).spawn()?)?
        .ends_with(0);
    Ok(start.elapsed())
}

fn engine() -> io::Result<Duration> {
    let bench = Bench::new()?;
    let start = Instant::now();
    let ran = bench.run(&["trivial::", "--device", "soft:size=1MiB"])?.ends_with(0);
    let took = start.elapsed();
    let written = fs::read_to_string(ran.out.join("results.jsonl"))?.lines().count();
    assert!(500 <= written, "it does write");
    Ok(took)
}
