use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &mut Controller) -> Result {
    nvme.scope(|io| {
        nvme.keep_alive().submit(io);
        nvme.reset()
    })
}

fn main() {}
