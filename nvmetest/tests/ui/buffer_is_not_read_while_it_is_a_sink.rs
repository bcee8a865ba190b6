use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>, mut buf: Buffer) -> Result {
    let sink = buf.as_sink();
    ns.read(sink, 0).run(q)?;
    assert_eq!(buf[0], 0);
    ns.read(sink, 0).run(q)?;
    Ok(())
}

fn main() {}
