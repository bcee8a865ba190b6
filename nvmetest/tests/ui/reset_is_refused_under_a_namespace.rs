use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &mut Controller) -> Result {
    let ns = nvme.namespace(1)?;
    nvme.reset()?;
    let q = nvme.qpair(8)?;
    ns.flush().run(&q)?;
    Ok(())
}

fn main() {}
