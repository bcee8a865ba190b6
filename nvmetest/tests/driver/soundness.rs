//! What safe code tries in order to get at memory that the device may write.

use nvmetest::memory::MemoryError;
use nvmetest::prelude::*;

use super::fake::{Fake, Reply};

/// Two controllers in one arena, and one that came after another: no memory is given away twice.
#[test]
fn controllers_that_share_an_arena_do_not_share_memory() -> Result {
    let fake = Fake::new(|_, _| Reply::Normal);
    let first = fake.open()?;
    let mut kept = first.buffer(4096);
    kept.fill(0x11);
    let second = fake.neighbour().open()?;
    let mut others: Vec<Buffer> = (0..64).map(|_| second.buffer(4096)).collect();
    others.iter_mut().for_each(|other| other.fill(0x22));
    assert!(kept.iter().all(|&byte| byte == 0x11));
    Ok(())
}

/// An address is used once, so there is an end to them: it is an error, and no address beyond it.
#[test]
fn addresses_that_are_used_up_are_an_error() -> Result {
    let fake = Fake::with_addresses(0..(4 << 30) + (8 << 20), |_, _| Reply::Normal);
    let nvme = fake.open()?;
    let error = (0..).find_map(|_| nvme.try_buffer(1 << 20).err());
    assert!(matches!(error, Some(MemoryError::Addresses { .. })), "{error:?}");
    Ok(())
}
