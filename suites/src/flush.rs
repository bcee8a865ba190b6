//! Flush (Base 7.2).

use nvmetest::capability::{Capability, Presence};
use nvmetest::prelude::*;
use nvmetest::spec::Fid;

use crate::pattern;

/// FB tells what a Flush of all namespaces does.
static FLUSH_BEHAVIOR: Capability = Capability {
    name: "whether Flush takes NSID FFFFFFFFh",
    field: "VWC.FB",
    clause: "Base 5.1.13.2.1",
    probe: |capabilities| {
        let fb = capabilities.controller.vwc.fb();
        Presence { present: fb == 0b10 || fb == 0b11, value: format!("{fb:02b}b") }
    },
};

/// Data that was written before a Flush reads back after it.
#[nvme_test(spec = "Base 7.2")]
fn data_reads_back_after_a_flush(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let data = pattern::write(nvme, q, ns, 0, 16, 1)?;
    ns.flush().run(q)?;
    let back = pattern::read(nvme, q, ns, 0, 16)?;
    pattern::assert_same(&back, &data, ns.block(), 0);
    Ok(())
}

/// A Flush with nothing to flush succeeds, however often.
#[nvme_test(spec = "Base 7.2")]
fn a_flush_with_nothing_to_flush_succeeds(q: &Qpair, ns: Namespace) -> Result {
    q.run_all((0..8).map(|_| ns.flush()))
}

/// A Flush among writes in flight completes, and so do the writes, with their data.
#[nvme_test(spec = "Base 7.2")]
fn a_flush_among_writes_in_flight_completes(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let count = q.depth().min(32) - 1;
    if count == 0 {
        return Err(Error::NotApplicable("the queue holds no more than one command".to_owned()));
    }
    let data = pattern::buffer(nvme, ns, 0, count as u32, 2);
    q.scope(|io| {
        for (number, (block, lba)) in data.chunks(ns.block()).zip(0..).enumerate() {
            ns.write(block, lba).submit(io);
            if number == count / 2 {
                ns.flush().submit(io);
            }
        }
        io.waitdone(count + 1)
    })?;
    let back = pattern::read(nvme, q, ns, 0, count as u32)?;
    pattern::assert_same(&back, &data, ns.block(), 0);
    Ok(())
}

/// A Flush of NSID FFFFFFFFh does what VWC.FB says: all namespaces, or Invalid Namespace or Format.
#[nvme_test(spec = "Base 7.2", requires(self::FLUSH_BEHAVIOR))]
fn a_flush_of_all_namespaces_is_as_vwc_says(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let supported = nvme.capabilities().controller.vwc.fb() == 0b11;
    let status = if supported { Status::SUCCESS } else { Status::INVALID_NAMESPACE_OR_FORMAT };
    ns.flush().nsid(u32::MAX).expect(status).run(q)?;
    Ok(())
}

/// A Flush of an NSID above NN fails with Invalid Namespace or Format.
#[nvme_test(spec = "Base 3.2.1.2")]
fn a_flush_of_an_invalid_namespace_fails(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let nsid = pattern::nsid_above_nn(nvme)?;
    ns.flush().nsid(nsid).expect(Status::INVALID_NAMESPACE_OR_FORMAT).run(q)?;
    Ok(())
}

/// A Flush has no effect and succeeds while the volatile write cache is disabled.
#[nvme_test(spec = "Base 5.1.25.1.4", requires(VOLATILE_WRITE_CACHE))]
fn a_flush_succeeds_without_the_cache(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let fid = Fid::VOLATILE_WRITE_CACHE.0;
    let before = nvme.get_features(fid).run(nvme)?.cdw0;
    nvme.set_features(fid, 0).run(nvme)?;
    let flushed = ns.flush().run(q);
    nvme.set_features(fid, before).run(nvme)?;
    flushed.map(drop)
}
