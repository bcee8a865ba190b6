use nvmetest::prelude::*;

#[nvme_test]

fn test(q: &Qpair<'_>, ns: Namespace<'_>, mut buf: Buffer) -> Result {
    q.scope(|io| {
        ns.read(&mut buf, 0).submit(io);
        ns.read(&mut buf, 8).submit(io);
        io.waitdone(2)
    })
}

fn main() {}
