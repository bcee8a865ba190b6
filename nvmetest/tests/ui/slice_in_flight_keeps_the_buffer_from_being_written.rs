use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>, mut buf: Buffer) -> Result {
    q.scope(|io| {
        std::mem::forget(ns.write(buf.slice(0..512), 0).submit(io));
        buf[512] = 1;
        Ok(())
    })
}

fn main() {}
