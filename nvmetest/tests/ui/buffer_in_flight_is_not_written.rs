use nvmetest::prelude::*;

#[nvme_test]

fn test(q: &Qpair<'_>, ns: Namespace<'_>, mut buf: Buffer) -> Result {
    q.scope(|io| {
        ns.write(&buf, 0).submit(io);
        buf[0] = 1;
        io.waitdone(1)
    })
}

fn main() {}
