use nvmetest::prelude::*;

fn end(nvme: Controller) -> Result {
    let q = nvme.qpair(8)?;
    drop(nvme);
    drop(q);
    Ok(())
}

fn main() {}
