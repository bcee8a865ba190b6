use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &Controller, q: &Qpair<'_>, ns: Namespace<'_>, mut buf: Buffer) -> Result {
    q.scope(|io| {
        ns.read(&mut buf, 0).submit(io);
        buf = nvme.buffer(512);
        io.waitdone(1)
    })
}

fn main() {}
