//! Both ends of the link: what is written to them, in which order, and that it is put back.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;

use nvmetest::Controller;
use nvmetest::Error;
use nvmetest::Result;
use nvmetest::spec::pci::L1Substates;
use nvmetest::transport::PortAbove;

use crate::fake::End;
use crate::fake::End::Function;
use crate::fake::End::Port;
use crate::fake::Fake;
use crate::fake::Pci;
use crate::fake::Reply;

const EXPRESS: u16 = Pci::EXPRESS;
const L1_SUBSTATES: u16 = Pci::L1_SUBSTATES;
const DEVICE_CONTROL: u16 = EXPRESS + 0x08;
const LINK_CONTROL: u16 = EXPRESS + 0x10;
const LINK_STATUS: u16 = EXPRESS + 0x12;
const CAPABILITIES: u16 = L1_SUBSTATES + 0x04;
const CONTROL_1: u16 = L1_SUBSTATES + 0x08;
const CONTROL_2: u16 = L1_SUBSTATES + 0x0C;

fn linked(change: impl FnOnce(&mut Pci)) -> (Arc<Fake>, Controller) {
    let mut pci = Pci::linked();
    change(&mut pci);
    let fake = Fake::with_pci(PortAbove::Programmable, pci, |_, _| Reply::Normal);
    let nvme = fake.open().unwrap();
    fake.pci().writes.clear();
    (fake, nvme)
}

/// What was written to a register, or to all of them, in order.
fn writes(fake: &Fake, register: Option<u16>) -> Vec<(End, u16, u32)> {
    let mut writes = fake.pci().writes.clone();
    writes.retain(|&(_, at, _)| register.is_none_or(|wanted| wanted == at));
    writes
}

fn not_applicable<T>(result: Result<T>) -> String {
    match result {
        Err(Error::NotApplicable(why)) => why,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it is applicable"),
    }
}

#[test]
fn the_port_above_is_told_to_train_the_link() {
    let (fake, nvme) = linked(|_| {});
    let status = nvme.pci().retrain_link().unwrap();
    assert_eq!((status.speed(), status.width()), (3, 4));
    assert_eq!(writes(&fake, None), [(Port, LINK_CONTROL, 0x20)], "Retrain Link is bit 5");
}

#[test]
fn a_training_that_does_not_end_is_a_sentence() {
    let (fake, nvme) = linked(|pci| pci.end(Port).set16(LINK_STATUS, 0x0843));
    let error = nvme.pci().retrain_link().unwrap_err().to_string();
    assert!(error.contains("did not end within 1s") && error.contains("0x0843"), "{error}");
    assert_eq!(writes(&fake, None), [], "the port would have lost it");
}

#[test]
fn without_a_port_nothing_is_trained() {
    let fake = Fake::with_pci(PortAbove::OutOfReach, Pci::linked(), |_, _| Reply::Normal);
    let nvme = fake.open().unwrap();
    let error = nvme.pci().retrain_link().unwrap_err().to_string();
    assert!(error.contains("no port that it is plugged into can be programmed"), "{error}");
}

/// Who sends first takes as much as it may before, and is the last that may send more.
#[test]
fn a_payload_size_is_set_at_both_ends_and_put_back() {
    let (fake, mut nvme) = linked(|pci| {
        pci.end(Function).set16(DEVICE_CONTROL, 0x2830);
        pci.end(Port).set16(DEVICE_CONTROL, 0x0020);
    });
    let q_works = |nvme: &Controller| nvme.qpair(1).map(drop);
    nvme.with_payload_size(0b010, q_works).unwrap();
    assert_eq!(
        writes(&fake, None),
        [
            (Port, DEVICE_CONTROL, 0x0040),
            (Function, DEVICE_CONTROL, 0x2850),
            (Function, DEVICE_CONTROL, 0x2830),
            (Port, DEVICE_CONTROL, 0x0020),
        ]
    );
    fake.pci().writes.clear();
    nvme.with_payload_size(0b000, q_works).unwrap();
    assert_eq!(
        writes(&fake, None),
        [
            (Function, DEVICE_CONTROL, 0x2810),
            (Port, DEVICE_CONTROL, 0x0000),
            (Port, DEVICE_CONTROL, 0x0020),
            (Function, DEVICE_CONTROL, 0x2830),
        ]
    );
}

#[test]
fn sizes_are_put_back_when_the_test_fails_or_panics() {
    let (fake, mut nvme) = linked(|_| {});
    let failed = nvme.with_payload_size(1, |_| Err::<(), _>(Error::Failed("no".to_owned())));
    assert_eq!(failed.unwrap_err().to_string(), "no");
    let panics = |nvme: &mut Controller| {
        let panicked: Result = nvme.with_payload_size(2, |nvme| {
            nvme.pci().with_read_request_size(3, || panic!("the test fails"))
        });
        panicked
    };
    assert!(catch_unwind(AssertUnwindSafe(|| panics(&mut nvme))).is_err());
    let written = writes(&fake, Some(DEVICE_CONTROL));
    assert!(written.contains(&(Function, DEVICE_CONTROL, 0x3040)), "{written:x?}");
    for end in [Function, Port] {
        assert_eq!(fake.pci().end(end).get16(DEVICE_CONTROL), 0, "{end:?}");
    }
}

/// What the function does not take is no reason to leave the port as it is.
#[test]
fn the_port_is_put_back_also_if_the_function_cannot_be_reached() {
    let (fake, mut nvme) = linked(|_| {});
    let deaf = |_: &Controller| {
        fake.pci().is_deaf = true;
        Ok(())
    };
    let error = nvme.with_payload_size(1, deaf).unwrap_err().to_string();
    assert!(error.contains("it is deaf"), "{error}");
    assert_eq!(fake.pci().end(Port).get16(DEVICE_CONTROL), 0);
}

#[test]
fn a_payload_size_that_an_end_does_not_support_is_not_applicable() {
    for (end, name) in [(Function, "the function"), (Port, "the port above")] {
        let (fake, mut nvme) = linked(|pci| pci.end(end).set32(EXPRESS + 0x04, 0b001));
        let why = not_applicable(nvme.with_payload_size(2, |_| Ok(())));
        assert!(why.contains(name) && why.contains("001b"), "{why}");
        assert_eq!(writes(&fake, None), []);
        nvme.with_payload_size(1, |_| Ok(())).unwrap();
    }
}

#[test]
fn what_else_would_have_to_be_programmed_is_not_applicable() {
    // A Downstream Port of a switch.
    let (_, mut nvme) = linked(|pci| pci.end(Port).set16(EXPRESS + 2, 0x0062));
    assert!(not_applicable(nvme.with_payload_size(0, |_| Ok(()))).contains("a switch"));
    let (_, mut nvme) = linked(|pci| pci.end(Function).set16(0x0E, 0x80));
    assert!(not_applicable(nvme.with_payload_size(0, |_| Ok(()))).contains("several functions"));
    let fake = Fake::with_pci(PortAbove::OutOfReach, Pci::linked(), |_, _| Reply::Normal);
    let mut nvme = fake.open().unwrap();
    assert!(not_applicable(nvme.with_payload_size(0, |_| Ok(()))).contains("run as root"));
}

#[test]
fn a_size_that_is_not_taken_is_no_success() {
    let (fake, mut nvme) = linked(|pci| pci.end(Port).fix(DEVICE_CONTROL));
    let error = nvme.with_payload_size(1, |_| Ok(())).unwrap_err().to_string();
    assert!(error.contains("the port above is 000b after 001b"), "{error}");
    assert_eq!(fake.pci().end(Function).get16(DEVICE_CONTROL), 0, "it is put back");

    let (_, nvme) = linked(|pci| pci.end(Function).fix(DEVICE_CONTROL));
    nvme.pci().with_read_request_size(0, || Ok(())).unwrap();
    let why = not_applicable(nvme.pci().with_read_request_size(1, || Ok(())));
    assert!(why.contains("hardwired to 000b"), "{why}");
    let error = nvme.pci().with_read_request_size(6, || Ok(())).unwrap_err().to_string();
    assert!(error.contains("110b is reserved"), "{error}");
}

/// What the host's port does wrong fails no test of the function.
#[test]
fn a_fault_of_the_port_is_none_of_the_functions() {
    let (_, mut nvme) = linked(|pci| pci.end(Port).fix(DEVICE_CONTROL));
    assert!(not_applicable(nvme.with_payload_size(1, |_| Ok(()))).contains("the port above"));
    let (_, mut nvme) = linked(|pci| pci.end(Function).fix(DEVICE_CONTROL));
    let error = nvme.with_payload_size(1, |_| Ok(())).unwrap_err();
    assert!(matches!(error, Error::Failed(_)), "{error}");
    let l1_1 = L1Substates::new().with_aspm_l1_1(true);
    let (_, nvme) = linked(|pci| pci.end(Port).fix(CONTROL_1));
    assert!(not_applicable(nvme.pci().with_l1_substates(l1_1, || Ok(()))).contains("the port"));
    let (_, nvme) = linked(|pci| pci.end(Function).fix(CONTROL_1));
    let error = nvme.pci().with_l1_substates(l1_1, || Ok(())).unwrap_err();
    assert!(matches!(error, Error::Failed(_)), "{error}");
}

#[test]
fn a_link_of_several_functions_is_not_programmed() {
    let (fake, nvme) = linked(|pci| pci.end(Function).set16(0x0E, 0x80));
    let l1_1 = L1Substates::new().with_aspm_l1_1(true);
    for why in [
        not_applicable(nvme.pci().with_aspm(0b10, || Ok(()))),
        not_applicable(nvme.pci().with_l1_substates(l1_1, || Ok(()))),
    ] {
        assert!(why.contains("several functions"), "{why}");
    }
    assert_eq!(writes(&fake, None), []);
}

#[test]
fn there_is_no_l1_2_of_aspm_while_an_end_has_ltr_disabled() {
    for (end, name) in [(Function, "the function"), (Port, "the port above")] {
        let (fake, nvme) = linked(|pci| pci.end(end).set16(EXPRESS + 0x28, 0));
        let l1_2 = L1Substates::new().with_aspm_l1_2(true);
        let why = not_applicable(nvme.pci().with_l1_substates(l1_2, || Ok(())));
        assert!(why.contains(name) && why.contains("LTR disabled"), "{why}");
        assert_eq!(writes(&fake, None), []);
        let l1_1 = L1Substates::new().with_aspm_l1_1(true);
        nvme.pci().with_l1_substates(l1_1, || Ok(())).unwrap();
    }
}

#[test]
fn a_read_request_size_that_the_kernel_shows_is_not_looked_at() {
    let fake = Fake::with_pci(PortAbove::OutOfReach, Pci::linked(), |_, _| Reply::Normal);
    let nvme = fake.open().unwrap();
    assert!(
        not_applicable(nvme.pci().with_read_request_size(1, || Ok(()))).contains("run as root")
    );
}

#[test]
fn a_read_request_size_is_the_functions_alone() {
    let (fake, nvme) = linked(|pci| pci.end(Function).set16(DEVICE_CONTROL, 0x2810));
    nvme.pci().with_read_request_size(0b101, || Ok(())).unwrap();
    assert_eq!(
        writes(&fake, None),
        [(Function, DEVICE_CONTROL, 0x5810), (Function, DEVICE_CONTROL, 0x2810)]
    );
}

/// A state is enabled in the port first, and disabled in the function first.
#[test]
fn aspm_is_set_at_both_ends_and_put_back() {
    let (fake, nvme) = linked(|pci| {
        // Read Completion Boundary stays as it is.
        pci.end(Function).set16(LINK_CONTROL, 0x0009);
        pci.end(Port).set16(LINK_CONTROL, 0x0001);
    });
    let then = || {
        fake.pci().writes.push((Function, 0, 0));
        Ok(())
    };
    nvme.pci().with_aspm(0b10, then).unwrap();
    assert_eq!(
        writes(&fake, None),
        [
            (Function, LINK_CONTROL, 0x0008),
            (Port, LINK_CONTROL, 0x0002),
            (Function, LINK_CONTROL, 0x000A),
            (Function, 0, 0),
            (Function, LINK_CONTROL, 0x0008),
            (Port, LINK_CONTROL, 0x0001),
            (Function, LINK_CONTROL, 0x0009),
        ]
    );
}

#[test]
fn aspm_that_an_end_has_not_or_does_not_take_is_no_success() {
    for (end, name) in [(Function, "the function"), (Port, "the port above")] {
        let (fake, nvme) = linked(|pci| pci.end(end).set32(EXPRESS + 0x0C, 0b01 << 10));
        let why = not_applicable(nvme.pci().with_aspm(0b10, || Ok(())));
        assert!(why.contains(name) && why.contains("ASPM Support is 01b"), "{why}");
        assert_eq!(writes(&fake, None), []);
    }
    let (_, nvme) = linked(|pci| pci.end(Port).fix(LINK_CONTROL));
    let why = not_applicable(nvme.pci().with_aspm(0b10, || Ok(())));
    assert!(why.contains("the port above is 00b after 10b"), "{why}");
    let (fake, nvme) = linked(|pci| pci.end(Function).fix(LINK_CONTROL));
    let error = nvme.pci().with_aspm(0b10, || Ok(())).unwrap_err();
    assert!(matches!(error, Error::Failed(_)), "{error}");
    assert!(error.to_string().contains("the function is 00b after 10b"), "{error}");
    assert_eq!(fake.pci().end(Port).get16(LINK_CONTROL), 0, "it is put back");
}

/// ASPM L1 is off while substates change; times are written while no substate is enabled; the port is first to be enabled, and the
/// function first to be disabled.
#[test]
fn substates_are_programmed_in_the_order_of_the_standard() {
    let (fake, nvme) = linked(|pci| {
        // T_POWER_ON of 50 us, common mode within 10 us; and 44 us and 20 us.
        pci.end(Function).set32(CAPABILITIES, 0x0029_0A1F);
        pci.end(Port).set32(CAPABILITIES, 0x00B0_141F);
        // Both were in PCI-PM L1.1 and in ASPM L0s and L1, as firmware may leave them.
        for end in [Function, Port] {
            pci.end(end).set16(LINK_CONTROL, 0b11);
            pci.end(end).set32(CONTROL_1, 0b0010);
        }
    });
    let substates = L1Substates::new().with_aspm_l1_2(true).with_aspm_l1_1(true);
    nvme.pci()
        .with_l1_substates(substates, || {
            // 50 us, 20 us, and 6 us: 75 times 1024 ns.
            assert_eq!(fake.pci().end(Port).get32(CONTROL_1), 0x404B_140C);
            assert_eq!(fake.pci().end(Function).get32(CONTROL_1), 0x404B_000C);
            assert_eq!(fake.pci().end(Port).get32(CONTROL_2), 0x29);
            assert_eq!(fake.pci().end(Function).get32(CONTROL_2), 0x29);
            fake.pci().writes.push((Function, 0, 0));
            Ok(())
        })
        .unwrap();
    assert_eq!(
        writes(&fake, None),
        [
            (Function, LINK_CONTROL, 0b01),
            (Port, LINK_CONTROL, 0b01),
            (Function, CONTROL_1, 0),
            (Port, CONTROL_1, 0),
            (Port, CONTROL_2, 0x29),
            (Port, CONTROL_1, 0x404B_1400),
            (Function, CONTROL_2, 0x29),
            (Function, CONTROL_1, 0x404B_0000),
            (Port, CONTROL_1, 0x404B_140C),
            (Function, CONTROL_1, 0x404B_000C),
            (Port, LINK_CONTROL, 0b11),
            (Function, LINK_CONTROL, 0b11),
            (Function, 0, 0),
            (Function, LINK_CONTROL, 0b01),
            (Port, LINK_CONTROL, 0b01),
            (Function, CONTROL_1, 0x404B_0000),
            (Port, CONTROL_1, 0x404B_1400),
            (Port, CONTROL_2, 0),
            (Port, CONTROL_1, 0),
            (Function, CONTROL_2, 0),
            (Function, CONTROL_1, 0),
            (Port, CONTROL_1, 0b0010),
            (Function, CONTROL_1, 0b0010),
            (Port, LINK_CONTROL, 0b11),
            (Function, LINK_CONTROL, 0b11),
        ]
    );
}

#[test]
fn substates_are_put_back_when_the_test_panics() {
    let (fake, nvme) = linked(|pci| pci.end(Function).set16(LINK_CONTROL, 0b01));
    let substates = L1Substates::new().with_aspm_l1_1(true);
    let panics = || -> Result { nvme.pci().with_l1_substates(substates, || panic!("it fails")) };
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert!(writes(&fake, None).contains(&(Function, CONTROL_1, 0b1000)));
    assert_eq!(fake.pci().end(Function).get16(LINK_CONTROL), 0b01);
    assert_eq!(fake.pci().end(Port).get16(LINK_CONTROL), 0);
    for end in [Function, Port] {
        assert_eq!(fake.pci().end(end).get32(CONTROL_1), 0, "{end:?}");
    }
}

#[test]
fn substates_that_an_end_does_not_have_are_not_applicable() {
    let l1_2 = L1Substates::new().with_aspm_l1_2(true);
    let tried = |change: &dyn Fn(&mut Pci)| {
        let (fake, nvme) = linked(change);
        let why = not_applicable(nvme.pci().with_l1_substates(l1_2, || Ok(())));
        assert_eq!(writes(&fake, None), []);
        why
    };
    for (end, name) in [(Function, "the function"), (Port, "the port above")] {
        let why = tried(&|pci| pci.end(end).set32(L1_SUBSTATES, 0));
        assert_eq!(why, format!("{name} has no L1 PM Substates"));
        // ASPM L1.1 alone.
        let why = tried(&|pci| pci.end(end).set32(CAPABILITIES, 0x18));
        assert!(why.starts_with(name) && why.contains("aspm_l1_2: false"), "{why}");
        // L1 PM Substates Supported is 0.
        assert!(tried(&|pci| pci.end(end).set32(CAPABILITIES, 0x0F)).starts_with(name));
        let why = tried(&|pci| pci.end(end).set32(EXPRESS + 0x0C, 0x0443));
        assert!(why.starts_with(name) && why.contains("ASPM Support is 01b"), "{why}");
    }
}

#[test]
fn what_an_end_does_not_take_of_substates_is_an_error() {
    let l1_2 = L1Substates::new().with_aspm_l1_2(true);
    let (fake, nvme) = linked(|pci| pci.end(Function).fix(CONTROL_1));
    let error = nvme.pci().with_l1_substates(l1_2, || Ok(())).unwrap_err().to_string();
    assert!(error.starts_with("the function does not take"), "{error}");
    assert_eq!(fake.pci().end(Port).get32(CONTROL_1), 0, "it is put back");

    let (_, nvme) = linked(|pci| pci.end(Port).set32(CAPABILITIES, 0x000B_001F));
    let error = nvme.pci().with_l1_substates(l1_2, || Ok(())).unwrap_err().to_string();
    assert!(error.contains("T_POWER_ON Scale of the port above is 11b"), "{error}");
}

/// Where there is no link, as with the soft controller, the function is all there is.
#[test]
fn without_a_link_the_function_alone_is_programmed() {
    let pci = Pci { port: None, ..Pci::linked() };
    let fake = Fake::with_pci(PortAbove::Absent, pci, |_, _| Reply::Normal);
    let mut nvme = fake.open().unwrap();
    fake.pci().writes.clear();
    nvme.with_payload_size(1, |_| Ok(())).unwrap();
    let l1_1 = L1Substates::new().with_aspm_l1_1(true);
    nvme.pci().with_l1_substates(l1_1, || Ok(())).unwrap();
    let written = writes(&fake, None);
    assert!(written.iter().all(|&(end, ..)| end == Function), "{written:x?}");
    assert!(written.contains(&(Function, DEVICE_CONTROL, 0x20)));
    assert!(written.contains(&(Function, CONTROL_1, 0b1000)));
}
