use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>) -> Result {
    q.scope(|io| {
        ns.flush().run(io)?;
        Ok(())
    })
}

fn main() {}
