//! Tests with every kind of outcome.

use std::time::Duration;
use std::time::Instant;

use nvmetest::capability::MSIX;
use nvmetest::prelude::*;
use nvmetest::spec::Sqe;
use zerocopy::FromZeros;

#[nvme_test(spec = "Base 1.1")]
fn passes(nvme: &Controller) -> Result {
    nvme.health()
}

#[nvme_test(spec = "Base 1.2")]
fn fails(_nvme: &Controller) -> Result {
    Err(Error::Failed("the model is wrong".to_owned()))
}

#[nvme_test]
fn panics(ns: Namespace<'_>) {
    assert_eq!(ns.nsid(), 7, "the namespace is wrong");
}

#[nvme_test]
fn fails_by_question_mark(_nvme: &Controller) -> Result<(), Box<dyn std::error::Error>> {
    let _number: u32 = "seven".parse()?;
    Ok(())
}

#[nvme_test]
fn skips(_nvme: &Controller) -> Result {
    skip!("there are {} zones", 0)
}

#[nvme_test(requires(MSIX))]
fn needs_vectors(nvme: &Controller) {
    assert!((MSIX.probe)(nvme.capabilities()).present);
}

#[nvme_test(ignore = "takes an hour")]
fn is_long(_nvme: &Controller) {}

#[nvme_test(timeout = Duration::from_millis(2))]
fn overruns(_nvme: &Controller) {
    let start = Instant::now();
    while start.elapsed().as_millis() < 3 {
        std::hint::spin_loop();
    }
}

/// The command never completes, and may take longer than the test.
#[nvme_test(timeout = Duration::from_millis(20))]
fn waits_too_long(nvme: &Controller) -> Result {
    let mut sqe = Sqe::new_zeroed();
    sqe.set_opcode(crate::fake_controller::NEVER_COMPLETES);
    Command::<Admin>::raw(sqe, ()).timeout(Duration::from_secs(3600)).run(nvme)?;
    Ok(())
}

#[nvme_test(cases(one = 1, two = 2))]
fn has_cases(q: &Qpair<'_>, #[case] number: usize) {
    assert!(number < q.depth());
}
