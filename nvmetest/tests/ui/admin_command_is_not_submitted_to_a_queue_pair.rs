use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &Controller, q: &Qpair<'_>) -> Result {
    q.scope(|io| {
        nvme.get_features(7).submit(io);
        io.waitdone(1)
    })
}

fn main() {}
