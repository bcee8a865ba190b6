//! Tests with every kind of outcome.

use nvmetest::capability::MSIX;
use nvmetest::prelude::*;

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

#[nvme_test(timeout = std::time::Duration::from_millis(2))]
fn overruns(_nvme: &Controller) {
    let start = std::time::Instant::now();
    while start.elapsed().as_millis() < 3 {
        std::hint::spin_loop();
    }
}

#[nvme_test(cases(one = 1, two = 2))]
fn has_cases(q: &Qpair<'_>, #[case] number: u16) {
    assert!(number < q.depth());
}
