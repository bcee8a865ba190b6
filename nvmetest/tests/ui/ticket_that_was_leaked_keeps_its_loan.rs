use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>, mut buf: Buffer) -> Result {
    q.scope(|io| {
        let _leaked = Box::leak(Box::new(ns.read(&mut buf, 0).submit(io)));
        assert_eq!(buf[0], 0);
        Ok(())
    })
}

fn main() {}
