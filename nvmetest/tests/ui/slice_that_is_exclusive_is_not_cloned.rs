use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>, mut buf: Buffer) -> Result {
    let slice = buf.slice_mut(0..512);
    ns.read(slice.clone(), 0).run(q)?;
    ns.read(slice, 0).run(q)?;
    Ok(())
}

fn main() {}
