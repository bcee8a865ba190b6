use nvmetest::prelude::*;

#[nvme_test]

fn test(q: &Qpair<'_>, ns: Namespace<'_>, buf: Buffer) -> Result {
    q.scope(|io| {
        ns.write(&buf, 0).submit(io);
        drop(buf);
        io.waitdone(1)
    })
}

fn main() {}
