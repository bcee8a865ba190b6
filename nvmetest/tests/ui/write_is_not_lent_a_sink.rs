use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>, mut buf: Buffer) -> Result {
    ns.write(buf.as_sink(), 0).run(q)?;
    Ok(())
}

fn main() {}
