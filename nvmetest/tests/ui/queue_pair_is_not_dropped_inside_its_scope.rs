use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &Controller, ns: Namespace<'_>) -> Result {
    let q = nvme.qpair(8)?;
    q.scope(|io| {
        ns.flush().submit(io);
        drop(q);
        io.waitdone(1)
    })
}

fn main() {}
