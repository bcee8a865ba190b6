use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>, mut buf: Buffer) -> Result {
    q.scope(|io| {
        std::mem::forget(ns.read(buf.as_sink(), 0).submit(io));
        assert_eq!(buf[0], 0);
        Ok(())
    })
}

fn main() {}
