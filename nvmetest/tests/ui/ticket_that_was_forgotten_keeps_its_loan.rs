use nvmetest::prelude::*;

#[nvme_test]

fn test(q: &Qpair<'_>, ns: Namespace<'_>, mut buf: Buffer) -> Result {
    q.scope(|io| {
        let ticket = ns.read(&mut buf, 0).submit(io);
        std::mem::forget(ticket);
        assert_eq!(buf[0], 0);
        Ok(())
    })
}

fn main() {}
