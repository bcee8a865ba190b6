use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>) -> Result {
    let mut kept = None;
    q.scope(|io| {
        kept = Some(io);
        Ok(())
    })?;
    ns.flush().submit(kept.unwrap());
    Ok(())
}

fn main() {}
