use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &mut Controller) -> Result {
    let q = nvme.qpair(8)?;
    nvme.reset()?;
    nvme.namespace(1)?.flush().run(&q)?;
    Ok(())
}

fn main() {}
