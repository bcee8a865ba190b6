//! BAR0 at another address.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::resume_unwind;

use nvmetest::prelude::*;
use nvmetest_fixtures::soft;

use super::fake::Fake;
use super::fake::Reply;

#[test]
fn bar0_is_put_back_whatever_is_done_with_it_elsewhere() -> Result {
    let fake = Fake::new(|_, _| Reply::Normal);
    let mut nvme = fake.open()?;
    let moved = nvme.with_bar0_elsewhere(|_, moved| {
        assert!(fake.is_elsewhere());
        Ok(*moved)
    })?;
    assert_eq!((moved.from, moved.to), (0x4000, 0x8000));
    assert!(!fake.is_elsewhere());

    let failed = nvme.with_bar0_elsewhere(|_, _| Err::<(), _>(Error::Failed("it is so".into())));
    assert!(matches!(&failed, Err(Error::Failed(why)) if why == "it is so"), "{failed:?}");
    assert!(!fake.is_elsewhere());

    let panicked = catch_unwind(AssertUnwindSafe(|| {
        nvme.with_bar0_elsewhere(|_, _| -> Result { resume_unwind(Box::new("on purpose")) })
    }));
    assert!(panicked.is_err());
    assert!(!fake.is_elsewhere());
    Ok(())
}

#[test]
fn a_device_that_is_pulled_meanwhile_is_said_to_be_gone() -> Result {
    let fake = Fake::new(|_, _| Reply::Normal);
    let mut nvme = fake.open()?;
    let lost = nvme.with_bar0_elsewhere(|_, _| {
        fake.die();
        Ok(())
    });
    let error = lost.unwrap_err().to_string();
    assert!(error.contains("it was pulled"), "{error}");
    Ok(())
}

#[test]
fn where_bar0_has_no_address_that_is_a_sentence_and_nothing_is_done() -> Result {
    let mut nvme = soft::controller("soft:size=1MiB")?;
    let mut called = false;
    let refused = nvme.with_bar0_elsewhere(|_, _| {
        called = true;
        Ok(())
    });
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("cannot do another address of BAR0"), "{error}");
    assert!(!called);
    nvme.first_namespace()?.flush().run(&nvme.qpair(1)?)?;
    Ok(())
}
