use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &Controller, q: &Qpair<'_>, ns: Namespace<'_>) -> Result {
    q.scope(|io| {
        let mut buf = nvme.buffer(512);
        ns.read(&mut buf, 0).submit(io);
        io.waitdone(1)
    })
}

fn main() {}
