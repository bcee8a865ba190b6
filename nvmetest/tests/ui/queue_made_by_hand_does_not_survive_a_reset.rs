use nvmetest::CreateIoCq;
use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &mut Controller) -> Result {
    let fields =
        CreateIoCq { qid: 1, size_z: 7, contiguous: true, interrupts: false, vector: 0, offset: 0 };
    let create = nvme.create_io_cq(fields);
    nvme.reset()?;
    create.run(&*nvme)?;
    Ok(())
}

fn main() {}
