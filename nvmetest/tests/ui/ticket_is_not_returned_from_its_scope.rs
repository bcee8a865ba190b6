use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>, mut buf: Buffer) -> Result {
    let ticket = q.scope(|io| Ok(ns.read(&mut buf, 0).submit(io)))?;
    ticket.wait()?;
    Ok(())
}

fn main() {}
