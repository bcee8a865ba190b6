use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>, mut buf: Buffer) -> Result {
    let before = &buf[..4];
    ns.read(&mut buf, 0).run(q)?;
    assert_eq!(before, [0; 4]);
    Ok(())
}

fn main() {}
