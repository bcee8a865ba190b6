use super::*;

const TEXT: &str = r#"
        device = "qemu:"

        [[expected]]
        test = "compare"
        verdict = "Fail"
        clause = "NVM 3.3.1"
        reason = "only the first block is compared"
    "#;

fn of(text: &str) -> Baseline {
    let file = File::parse(&Document::new("b.toml", text), |_| true).unwrap();
    Baseline::new(vec![file], "2026-06-15".parse().unwrap())
}

fn judge(device: &str, test: &str, finding: Finding) -> Finding {
    let baseline = of(TEXT);
    let uri = device.parse().unwrap();
    baseline.judge(Dut { uri: &uri, model: "QEMU NVMe Ctrl", firmware: "10.0.2" }, test, finding)
}

#[test]
fn an_entry_may_be_for_some_firmware_only() {
    let text = format!("{TEXT}\nfirmware = [\"7.\", \"10.\"]");
    let baseline = of(&text);
    let uri = "qemu:".parse().unwrap();
    let verdict = |firmware| {
        let fail = Finding::new(Verdict::Fail, "wrong");
        baseline
            .judge(Dut { uri: &uri, model: "QEMU NVMe Ctrl", firmware }, "compare", fail)
            .verdict
    };
    assert_eq!(verdict("10.0.2"), Verdict::ExpectedFail);
    assert_eq!(verdict("11.1.3"), Verdict::Fail);
    assert_eq!(verdict("1.7"), Verdict::Fail);
}

#[test]
fn a_baseline_may_be_for_a_model_however_it_is_reached() {
    let text = TEXT.replace("device = \"qemu:\"", "model = \"QEMU NVMe\"");
    let baseline = of(&text);
    let verdict = |uri: &str, model| {
        let uri = uri.parse().unwrap();
        let fail = Finding::new(Verdict::Fail, "wrong");
        baseline.judge(Dut { uri: &uri, model, firmware: "10.0.2" }, "compare", fail).verdict
    };
    assert_eq!(verdict("qemu:", "QEMU NVMe Ctrl"), Verdict::ExpectedFail);
    assert_eq!(verdict("pci:0000:01:00.0", "QEMU NVMe Ctrl"), Verdict::ExpectedFail);
    assert_eq!(verdict("pci:0000:01:00.0", "ACME 1"), Verdict::Fail);

    let text = format!("{text}\ndevice = \"qemu:\"");
    let baseline = of(&text);
    let verdict = |uri: &str| {
        let uri = uri.parse().unwrap();
        let dut = Dut { uri: &uri, model: "QEMU NVMe Ctrl", firmware: "10.0.2" };
        baseline.judge(dut, "compare", Finding::new(Verdict::Fail, "wrong")).verdict
    };
    assert_eq!(verdict("qemu:"), Verdict::ExpectedFail);
    assert_eq!(verdict("pci:0000:01:00.0"), Verdict::Fail, "an entry may be for some devices");
}

#[test]
fn a_known_failure_is_expected_and_its_end_is_reported() {
    let fail = || Finding::new(Verdict::Fail, "wrong");
    let expected = judge("qemu:size=1GiB", "compare", fail());
    assert_eq!(expected.verdict, Verdict::ExpectedFail);
    assert_eq!(expected.message, "expected Fail: only the first block is compared (NVM 3.3.1)");

    let passed = judge("qemu:", "compare", Finding::pass());
    assert_eq!(passed.verdict, Verdict::UnexpectedPass);
    assert!(passed.message.ends_with("delete the entry"), "{}", passed.message);
}

#[test]
fn another_test_device_or_verdict_is_not_covered() {
    let fail = || Finding::new(Verdict::Fail, "wrong");
    assert_eq!(judge("qemu:", "other", fail()), fail());
    assert_eq!(judge("soft:", "compare", fail()), fail());

    let lost = judge("qemu:", "compare", Finding::new(Verdict::DutLost, "gone"));
    assert_eq!(lost.verdict, Verdict::DutLost);
    assert_eq!(lost.message, "gone\nthe baseline expects Fail and not DutLost");

    let skipped = Finding::new(Verdict::Skipped, "by a rule");
    assert_eq!(judge("qemu:", "compare", skipped.clone()), skipped);
}

#[test]
fn an_entry_holds_on_its_last_day_and_not_after_it() {
    let judge = |expires: &str, finding| {
        let baseline = of(&format!("{TEXT}\nexpires = {expires}"));
        let uri = "qemu:".parse().unwrap();
        let dut = Dut { uri: &uri, model: "m", firmware: "1" };
        let waiver = baseline.waiver(dut, "compare").unwrap();
        assert_eq!(waiver.expires.as_deref(), Some(expires.trim_matches('"')));
        baseline.judge(dut, "compare", finding)
    };
    let fail = || Finding::new(Verdict::Fail, "wrong");
    assert_eq!(judge("2026-06-15", fail()).verdict, Verdict::ExpectedFail);
    assert_eq!(judge("\"2026-06-15\"", fail()).verdict, Verdict::ExpectedFail);
    let over = judge("2026-06-14", fail());
    assert_eq!(over.verdict, Verdict::Fail);
    assert_eq!(
        over.message,
        "wrong\nthe baseline waived it until 2026-06-14: only the first block is compared (NVM 3.3.1); have it \
         repaired, or renew the entry"
    );
    assert_eq!(judge("2026-06-14", Finding::pass()).verdict, Verdict::UnexpectedPass);
}

#[test]
fn a_range_of_firmware_is_for_a_file_or_an_entry() {
    for text in [
        format!("firmware = \">=10.0, <11\"\n{TEXT}"),
        format!("{TEXT}\nfirmware = \">=10.0, <11\""),
        format!("{TEXT}\nfirmware = [\"7.\", \">=10.0, <11\"]"),
    ] {
        let baseline = of(&text);
        let uri = "qemu:".parse().unwrap();
        let is_known = |firmware| {
            baseline.waiver(Dut { uri: &uri, model: "m", firmware }, "compare").is_some()
        };
        assert!(is_known("10.0.2"), "{text}");
        assert!(!is_known("11.1"), "{text}");
    }
}

#[test]
fn what_nobody_explained_is_named() {
    let baseline = of(&format!("{TEXT}\nunexplained = true\nlink = \"BUG-1\""));
    assert_eq!(baseline.unexplained().into_iter().collect::<Vec<_>>(), ["compare"]);
    let uri = "qemu:".parse().unwrap();
    let waiver = baseline.waiver(Dut { uri: &uri, model: "m", firmware: "1" }, "compare").unwrap();
    assert_eq!(waiver.reason, "not explained yet: only the first block is compared");
    assert_eq!(waiver.link.as_deref(), Some("BUG-1"));
}

#[test]
fn a_baseline_with_a_mistake_is_refused_with_its_place() {
    let refused = |text: &str| {
        let document = Document::new("b.toml", text);
        let file = File::parse(&document, |test| test == "compare");
        let refused = file.and_then(|file| contradictions(&[file])).unwrap_err();
        refused.to_string()
    };
    let gone = refused(&TEXT.replace("\"compare\"", "\"compares\""));
    assert!(gone.starts_with("b.toml:5:16: there is no test `compares`"), "{gone}");
    let pass = refused(&TEXT.replace("\"Fail\"", "\"Pass\""));
    assert!(pass.starts_with("b.toml:6:19: `compare` expects Pass, which is no failure"), "{pass}");
    let misspelt = refused(&TEXT.replace("reason", "reasons"));
    assert!(misspelt.starts_with("b.toml:8:9: unknown field `reasons`"), "{misspelt}");
    let day = refused(&format!("{TEXT}expires = \"2026-02-30\""));
    assert!(day.contains(": `2026-02-30` is no day"), "{day}");
    let range = refused(&format!("{TEXT}firmware = \">=11, <10\""));
    assert!(range.contains(": no revision is in `>=11, <10`"), "{range}");

    let entry = &TEXT[TEXT.find("[[").unwrap()..];
    let twice = refused(&format!("{TEXT}{entry}"));
    assert_eq!(
        twice,
        "b.toml:10:16: `compare` is there twice for one device, first at b.toml:5; delete one entry"
    );
    let other = entry.replace("Fail", "Timeout");
    let contradiction = refused(&format!("{TEXT}{other}"));
    assert_eq!(
        contradiction,
        "b.toml:10:16: `compare` expects Timeout, and Fail at b.toml:5 for the same device; delete one entry"
    );
}

#[test]
fn entries_contradict_only_if_a_device_can_be_meant_by_both() {
    let entry = &TEXT[TEXT.find("[[").unwrap()..];
    for (first, second, contradict) in [
        ("firmware = \"7.\"", "firmware = [\"10.\"]", false),
        ("firmware = \"7.\"", "firmware = [\"10.\", \"7.2\"]", true),
        ("firmware = \">=10, <11\"", "firmware = \"10.0\"", true),
        ("firmware = \">=10, <11\"", "firmware = \">=11\"", false),
        ("firmware = \">=10, <12\"", "firmware = \">=11\"", true),
        ("firmware = \"<10\"", "firmware = \"10.\"", false),
        ("firmware = \"7.\"", "", true),
        ("device = \"qemu:a\"", "device = \"qemu:b\"", false),
        ("device = \"qemu:\"", "device = \"qemu:b\"", true),
    ] {
        let text = format!("{TEXT}{first}\n{entry}{second}");
        let file = File::parse(&Document::new("b.toml", text), |_| true).unwrap();
        assert_eq!(contradictions(&[file]).is_err(), contradict, "{first} and {second}");
    }
}
