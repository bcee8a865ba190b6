//! Data integrity: what is read is what was written (NVM 3.3.4, NVM 3.3.6).

use nvmetest::integrity::Stamp;
use nvmetest::prelude::*;

/// Of writes of the same blocks that are in flight at a time, each block has one, and each read after them returns the same.
#[nvme_test(spec = "NVM 3.3.6")]
fn overlapping_writes_leave_one_of_them(
    verify: Verify,
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
) -> Result {
    const ROUNDS: u64 = 50;
    const WRITES: usize = 4;
    let (block, blocks) = (ns.block(), 4096_usize.div_ceil(ns.block()));
    let len = block * blocks;
    let mut sources = nvme.buffer(WRITES * len);
    let mut targets = nvme.buffer(WRITES * len);
    for round in 0..ROUNDS {
        for (number, data) in sources.chunks_exact_mut(len).enumerate() {
            for (lba, data) in (0..).zip(data.chunks_exact_mut(block)) {
                let version = round * WRITES as u64 + number as u64;
                Stamp { lba, version, writer: 0, seed: 7 }.fill(data);
            }
        }
        let sources = &sources;
        q.scope(|io| {
            for number in 0..WRITES {
                ns.write(sources.slice(number * len..(number + 1) * len), 0).submit(io);
            }
            io.waitdone(WRITES)
        })?;
        for target in targets.chunks_mut(len) {
            ns.read(target, 0).run(q)?;
        }
    }
    // It looked at all of it.
    assert_eq!(verify.table().map(|table| (table.degraded(), table.unjudged())), Some((0, 0)));
    Ok(())
}
