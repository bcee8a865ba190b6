//! The volatile write cache (Base 5.1.25.1.4). What a power loss may take from it is the chapter of power losses.

use nvmetest::prelude::*;
use nvmetest::spec::Fid;

use crate::pattern;

const FID: u8 = Fid::VOLATILE_WRITE_CACHE.0;
/// The first block, and how many there are.
const SLBA: u64 = 8;
const BLOCKS: u32 = 24;

/// Does `body` with the cache enabled (1) or disabled (0), and then sets what was set before.
fn with_cache(nvme: &Controller, enabled: u32, body: impl FnOnce() -> Result) -> Result {
    let before = nvme.get_features(FID).run(nvme)?.cdw0;
    nvme.set_features(FID, enabled).run(nvme)?;
    let result = body();
    nvme.set_features(FID, before).run(nvme)?;
    result
}

/// What was written reads back, with the cache and without it, with FUA and without it.
#[nvme_test(
    spec = "Base 5.1.25.1.4",
    requires(VOLATILE_WRITE_CACHE),
    cases(
        enabled = (1, false),
        enabled_fua = (1, true),
        disabled = (0, false),
        disabled_fua = (0, true)
    )
)]
fn data_read_back(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    #[case] (enabled, fua): (u32, bool),
) -> Result {
    with_cache(nvme, enabled, || {
        pattern::write(nvme, q, ns, SLBA, BLOCKS, 1)?;
        let data = pattern::buffer(nvme, ns, SLBA, BLOCKS, 2 + enabled);
        for (at, lba) in (0..data.len()).step_by(ns.block()).zip(SLBA..) {
            let write = ns.write(data.slice(at..at + ns.block()), lba);
            if fua { write.fua() } else { write }.run(q)?;
        }
        let back = pattern::read(nvme, q, ns, SLBA, BLOCKS)?;
        pattern::assert_same(&back, &data, ns.block(), SLBA);
        Ok(())
    })
}

/// What was written with the cache reads back after it was disabled, and after it was enabled again.
#[nvme_test(spec = "Base 5.1.25.1.4", requires(VOLATILE_WRITE_CACHE))]
fn data_outlive_the_cache(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    with_cache(nvme, 1, || {
        let data = pattern::write(nvme, q, ns, SLBA, BLOCKS, 5)?;
        for enabled in [0, 1] {
            nvme.set_features(FID, enabled).run(nvme)?;
            assert_eq!(nvme.get_features(FID).run(nvme)?.cdw0 & 1, enabled, "WCE");
            let back = pattern::read(nvme, q, ns, SLBA, BLOCKS)?;
            pattern::assert_same(&back, &data, ns.block(), SLBA);
        }
        Ok(())
    })
}

/// A read with FUA has the data of the write before it, which may be in the cache only (NVM 3.3.4).
#[nvme_test(spec = "NVM 3.3.4", requires(VOLATILE_WRITE_CACHE))]
fn a_read_with_fua_has_what_was_written(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    with_cache(nvme, 1, || {
        let block = ns.block();
        for version in 6..10 {
            let data = pattern::write(nvme, q, ns, SLBA, 1, version)?;
            let mut back = nvme.buffer(block);
            ns.read(&mut back, SLBA).fua().run(q)?;
            pattern::assert_same(&back, &data, block, SLBA);
        }
        Ok(())
    })
}

/// Writes that are in flight while the cache is enabled and disabled keep their data.
#[nvme_test(spec = "Base 5.1.25.1.4", requires(VOLATILE_WRITE_CACHE))]
fn writes_while_the_cache_is_switched_keep_their_data(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
) -> Result {
    let count = q.depth().min(16) - 1;
    if count == 0 {
        return Err(Error::NotApplicable("the queue holds no more than one command".to_owned()));
    }
    with_cache(nvme, 1, || {
        let data = pattern::buffer(nvme, ns, SLBA, count as u32, 11);
        q.scope(|io| {
            for (number, (block, lba)) in data.chunks(ns.block()).zip(SLBA..).enumerate() {
                ns.write(block, lba).submit(io);
                nvme.set_features(FID, number as u32 & 1).run(nvme)?;
            }
            io.waitdone(count)
        })?;
        let back = pattern::read(nvme, q, ns, SLBA, count as u32)?;
        pattern::assert_same(&back, &data, ns.block(), SLBA);
        Ok(())
    })
}
