use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>, mut buf: Buffer) -> Result {
    let mut kept = None;
    q.scope(|io| {
        kept = Some(Box::leak(Box::new(ns.read(&mut buf, 0).submit(io))));
        Ok(())
    })?;
    drop(kept);
    Ok(())
}

fn main() {}
