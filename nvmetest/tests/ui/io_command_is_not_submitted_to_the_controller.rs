use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &Controller, ns: Namespace<'_>) -> Result {
    nvme.scope(|io| {
        ns.flush().submit(io);
        io.waitdone(1)
    })
}

fn main() {}
