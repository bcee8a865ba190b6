use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &Controller, q: &Qpair<'_>, ns: Namespace<'_>, mut buf: Buffer) -> Result {
    let other = nvme.qpair(8)?;
    q.scope(|io| {
        ns.read(&mut buf, 0).submit(io);
        ns.write(&buf, 0).run(&other)?;
        io.waitdone(1)
    })
}

fn main() {}
