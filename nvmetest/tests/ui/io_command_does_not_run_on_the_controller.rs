use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &Controller, ns: Namespace<'_>) -> Result {
    ns.flush().run(nvme)?;
    Ok(())
}

fn main() {}
