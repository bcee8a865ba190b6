use nvmetest::prelude::*;

fn lend_twice(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let mut part = nvme.buffer(1 << 20);
    let read = ns.read(part.slice_mut(0..4096), 0);
    let hmb = nvme.enable_hmb(vec![part])?;
    read.run(q)?;
    hmb.disable()?;
    Ok(())
}

fn main() {}
