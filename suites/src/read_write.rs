//! Read and Write (NVM 3.3.4, NVM 3.3.6).

use nvmetest::prelude::*;

/// A read returns what was written.
#[nvme_test(spec = "NVM 3.3.4")]
fn a_read_returns_what_was_written(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let mut data = nvme.buffer(8 * ns.block());
    data.iter_mut().zip((0..=250).cycle()).for_each(|(byte, value)| *byte = value);
    let mut back = nvme.buffer(data.len());

    ns.write(&data, 5).run(q)?;
    ns.read(&mut back, 5).run(q)?;

    assert_eq!(back[..], data[..]);
    Ok(())
}

/// A read past the end fails, and with the status that the standard names.
#[nvme_test(spec = "NVM 3.3.4")]
fn a_read_past_the_end_fails(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let mut data = nvme.buffer(ns.block());
    ns.read(&mut data, ns.capacity()).expect(Status::LBA_OUT_OF_RANGE).run(q)?;
    Ok(())
}
