//! A test that fails because of what two others left behind.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use nvmetest::prelude::*;

static LEFT: AtomicU32 = AtomicU32::new(0);

#[nvme_test(cases(a = 0, b = 1, c = 2, d = 4, e = 0, f = 0))]
fn leaves_bits(_nvme: &Controller, #[case] bits: u32) {
    LEFT.fetch_or(bits, Ordering::Relaxed);
}

/// It fails after the cases `b` and `d`.
#[nvme_test]
fn minds_the_bits(_nvme: &Controller) -> Result {
    if LEFT.load(Ordering::Relaxed) & 5 == 5 {
        return Err(Error::Failed("somebody left something".to_owned()));
    }
    Ok(())
}
