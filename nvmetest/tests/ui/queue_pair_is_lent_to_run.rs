use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &Controller, ns: Namespace<'_>) -> Result {
    let mut q = nvme.qpair(8)?;
    ns.flush().run(&mut q)?;
    ns.flush().run(q)?;
    Ok(())
}

fn main() {}
