//! Tests with every kind of outcome.

use std::time::Duration;

use nvmetest::prelude::*;
use nvmetest::spec::Sqe;
use zerocopy::FromZeros;

#[nvme_test(spec = "Base 1.1")]
fn passes(nvme: &Controller) -> Result {
    nvme.measure("answer", 42.0, "ms");
    nvme.health()
}

#[nvme_test(spec = "Base 1.2")]
fn fails(_nvme: &Controller) -> Result {
    println!("what a test prints is evidence");
    Err(Error::Failed("the model is wrong".to_owned()))
}

#[nvme_test]
fn skips(_nvme: &Controller) -> Result {
    skip!("there are {} zones", 0)
}

#[nvme_test(ignore = "takes an hour")]
fn is_long(_nvme: &Controller) {}

/// It fails the first time that it is run.
#[nvme_test]
fn flickers(_nvme: &Controller) -> Result {
    if crate::mark("flickered") {
        return Err(Error::Failed("the first time is hard".to_owned()));
    }
    Ok(())
}

/// The command never completes, and may take longer than anybody waits; the second time, it is not sent.
#[nvme_test(timeout = Duration::from_secs(600))]
fn waits(nvme: &Controller) -> Result {
    if !crate::mark("waits") {
        return Ok(());
    }
    let mut sqe = Sqe::new_zeroed();
    sqe.set_opcode(crate::fake_controller::NEVER_COMPLETES);
    Command::<Admin>::raw(sqe, ()).timeout(Duration::from_secs(600)).run(nvme)?;
    Ok(())
}

#[nvme_test]
fn the_last_passes(nvme: &Controller) -> Result {
    nvme.health()
}
