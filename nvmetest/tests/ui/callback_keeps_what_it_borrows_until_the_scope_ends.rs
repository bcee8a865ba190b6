use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>) -> Result {
    let mut done = 0;
    q.scope(|io| {
        ns.flush().submit_with(io, |_cdw0, _status| done += 1);
        io.waitdone(1)?;
        assert_eq!(done, 1);
        Ok(())
    })
}

fn main() {}
