use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>, mut buf: Buffer) -> Result {
    let first = buf.slice_mut(0..1024);
    let second = buf.slice_mut(512..1536);
    ns.read(first, 0).run(q)?;
    ns.read(second, 0).run(q)?;
    Ok(())
}

fn main() {}
