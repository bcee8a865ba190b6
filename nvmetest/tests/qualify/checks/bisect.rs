//! Which tests make another one fail.

use libtest_mimic::Failed;

use super::Bench;

pub fn what_makes_a_test_fail_is_found() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let ran = bench.run(&["state::", "--bisect", "state::minds_the_bits"])?.ends_with(1);
    let stdout = ran.stdout();
    let found =
        "`state::minds_the_bits` fails after state::leaves_bits::b, state::leaves_bits::d\n";
    assert!(stdout.starts_with(found), "{stdout}");
    let again = stdout.lines().find_map(|line| line.strip_prefix("see it again: "));
    let again: Vec<&str> = again.expect("it says how").split(' ').collect();
    let ran = bench.finish(bench.bare(&again[1..]).spawn()?)?.ends_with(1);
    assert!(ran.stdout().contains("verdicts: 2 Pass, 1 Fail"), "{}", ran.stdout());

    let bench = Bench::new()?;
    let ran = bench.run(&["outcomes::fails", "--bisect", "outcomes::fails"])?.ends_with(1);
    assert!(ran.stdout().starts_with("`outcomes::fails` fails alone\n"), "{}", ran.stdout());
    let bench = Bench::new()?;
    let ran = bench.run(&["leaves_bits", "--bisect", "state::leaves_bits::c"])?.ends_with(0);
    assert!(ran.stdout().contains("passes after all 2 tests"), "{}", ran.stdout());
    Ok(())
}
