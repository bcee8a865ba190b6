use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>, mut buf: Buffer) -> Result {
    let mut kept = None;
    q.scope(|io| {
        ns.flush().submit_with(io, |_cdw0, _status| kept = Some(ns.read(&mut buf, 0).submit(io)));
        io.waitdone(1)
    })?;
    drop(kept);
    Ok(())
}

fn main() {}
