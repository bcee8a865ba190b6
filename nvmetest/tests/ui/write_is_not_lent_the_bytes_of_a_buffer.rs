use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>, buf: Buffer) -> Result {
    ns.write(&buf[..512], 0).run(q)?;
    Ok(())
}

fn main() {}
