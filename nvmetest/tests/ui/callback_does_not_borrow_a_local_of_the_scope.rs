use nvmetest::prelude::*;

#[nvme_test]

fn test(q: &Qpair<'_>, ns: Namespace<'_>) -> Result {
    q.scope(|io| {
        let mut done = 0;
        ns.flush().submit_with(io, |_cdw0, _status| done += 1);
        io.waitdone(1)
    })
}

fn main() {}
