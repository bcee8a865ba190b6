//! The driver on the soft controller.

use nvmetest::prelude::*;
use nvmetest_fixtures::soft;

#[test]
fn what_is_written_is_read_back() -> Result {
    let nvme = soft::controller("soft:size=64MiB")?;
    let q = nvme.qpair(16)?;
    let ns = nvme.namespace(1)?;
    let mut data = nvme.buffer(8192);
    data.iter_mut().zip((0..=250).cycle()).for_each(|(byte, value)| *byte = value);
    let mut back = nvme.buffer(8192);
    ns.write(&data, 5).run(&q)?;
    ns.read(&mut back, 5).run(&q)?;
    assert_eq!(back[..], data[..]);
    Ok(())
}
