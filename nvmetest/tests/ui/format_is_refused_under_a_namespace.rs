use nvmetest::Format;
use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &mut Controller) -> Result {
    let ns = nvme.namespace(1)?;
    nvme.format(1, Format { lbaf: 1, ..Format::default() }).run()?;
    let q = nvme.qpair(8)?;
    ns.read(&mut nvme.buffer(512), 0).run(&q)?;
    Ok(())
}

fn main() {}
