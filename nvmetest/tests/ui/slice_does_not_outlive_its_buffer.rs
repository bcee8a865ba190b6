use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &Controller, q: &Qpair<'_>, ns: Namespace<'_>) -> Result {
    let slice = {
        let mut buf = nvme.buffer(512);
        buf.slice_mut(0..512)
    };
    ns.read(slice, 0).run(q)?;
    Ok(())
}

fn main() {}
