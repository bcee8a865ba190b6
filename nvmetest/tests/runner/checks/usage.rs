//! What a person can do wrong.

use std::io;

use expect_test::expect;
use libtest_mimic::Failed;

use super::command;
use super::suite;

pub fn what_is_wrong_is_one_sentence_and_exit_code_2() -> Result<(), Failed> {
    let mut said = String::new();
    for arguments in [
        &["--device", "soft:"][..],
        &["--device", "/dev/nvme0"],
        &["--device", "fake:opens=0"],
        &["no_such_test"],
        &["--exact", "outcomes"],
        &["--shuffel"],
        &["--baseline", "no/such/file"],
        &["--seed", "1", "--shuffle=2"],
    ] {
        let suite = suite(arguments)?;
        assert_eq!(suite.output.status.code(), Some(2), "{arguments:?}: {}", suite.stderr());
        assert!(suite.output.stdout.is_empty(), "{arguments:?}: {}", suite.stdout());
        assert_eq!(suite.stderr().lines().count(), 1, "{arguments:?}: {}", suite.stderr());
        said += &suite.stderr();
    }
    let output = command(&["outcomes::passes"]).env("NVMETEST_VERIFY", "yes").output()?;
    assert_eq!(output.status.code(), Some(2));
    said += &String::from_utf8_lossy(&output.stderr);
    expect![[r#"
        nvmetest: there is no device scheme `soft:`; this suite knows `fake:`, `vfio-user:`, `pci:`
        nvmetest: invalid value '/dev/nvme0' for '--device <URI>': cannot open `/dev/nvme0`: it is not a device URI; a device is named as `soft:`, `qemu:`, `vfio-user:/path/to/socket`, `pci:0000:01:00.0`; `--help` lists the options
        nvmetest: cannot open `fake:opens=0`: the fake is worn out; buy another
        nvmetest: no test has a name with `no_such_test`; `--list` lists the tests
        nvmetest: no test is named `outcomes`; `--list` lists the tests
        nvmetest: unexpected argument '--shuffel' found; `--help` lists the options
        nvmetest: the baseline no/such/file is no use: No such file or directory (os error 2)
        nvmetest: the seed is 1 by `--seed` and 2 by `--shuffle`; give it once
        nvmetest: NVMETEST_VERIFY is `yes`; give 1 or 0
    "#]].assert_eq(&said);
    Ok(())
}

pub fn a_reader_that_goes_away_is_no_panic() -> Result<(), Failed> {
    let mut said = Vec::new();
    for arguments in [&["--list"][..], &["leaks::"]] {
        let (reader, writer) = io::pipe()?;
        drop(reader);
        let mut command = command(arguments);
        let output = command.args(["--device", "fake:"]).stdout(writer).output()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        said.push(stderr.into_owned());
    }
    // No panic, and the device is shut down.
    assert_eq!(said[0], "");
    assert_eq!(
        said[1],
        "fake: shut down\nnvmetest: the run is not complete: 0 Blocked, 7 Missing\n"
    );
    Ok(())
}

pub fn a_role_is_served_before_anything_else() -> Result<(), Failed> {
    let role = |role: &str| command(&[&format!("--nvmetest-role={role}"), "--nonsense"]).output();
    assert_eq!(role("fake")?.status.code(), Some(42));
    let unknown = role("unknown")?;
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("has the role `unknown`"));
    Ok(())
}
