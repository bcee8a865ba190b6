//! What is said to a person who asks for something that cannot be.

use libtest_mimic::Failed;

use super::Bench;

pub fn what_is_wrong_is_one_sentence_and_exit_code_2() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let out = bench.out().display().to_string();
    let baseline = bench.file(
        "known.toml",
        "[[expected]]\ntest = \"x\"\nverdict = \"Fail\"\nclause = \"\"\nreason = \"\"\n",
    )?;
    for (arguments, sentence) in [
        (&["run"][..], "give the folder for the results with `--out DIR`"),
        (
            &["run", "--frobnicate"],
            "unexpected argument '--frobnicate' found; `--help` lists the options",
        ),
        (&["run", "--out", &out, "no_such"], "no test has a name with `no_such`"),
        (&["run", "--out", &out, "--device", "x:"], "there is no device scheme `x:`"),
        (&["run", "--out", &out, "--device", "fake:opens=0"], "the fake is worn out"),
        (&["run", "--out", &out, "--device", "soft:size=1"], "cannot be had"),
        (&["run", "--out", &out, "--device", "fake:", "--device", "fake:"], "given twice"),
        (&["run", "--out", &out, "--baseline", &baseline], "there is no test `x`"),
        (&["run", "--out", "/proc/none"], "the folder /proc/none cannot be made"),
        (&["run", "--resume", &out], "cannot be read"),
    ] {
        let ran = bench.finish(bench.bare(arguments).spawn()?)?.ends_with(2);
        let stderr = ran.stderr();
        assert!(stderr.contains(sentence), "{arguments:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }

    bench.run(&["outcomes::passes"])?.ends_with(0);
    let ran = bench.run(&["outcomes::passes"])?.ends_with(2);
    assert!(ran.stderr().contains("has the results of a run already"), "{}", ran.stderr());
    Ok(())
}

pub fn the_plain_runner_is_a_subcommand() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let ran = bench.finish(bench.bare(&["test", "--exact", "outcomes::passes"]).spawn()?)?;
    assert!(ran.ends_with(0).stdout().contains("test outcomes::passes ... ok"));
    Ok(())
}
