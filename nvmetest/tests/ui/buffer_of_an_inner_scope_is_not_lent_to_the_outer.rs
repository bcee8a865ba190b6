use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &Controller, q: &Qpair<'_>, ns: Namespace<'_>) -> Result {
    let other = nvme.qpair(8)?;
    q.scope(|outer| {
        other.scope(|_inner| {
            let mut buf = nvme.buffer(512);
            ns.read(&mut buf, 0).submit(outer);
            Ok(())
        })
    })
}

fn main() {}
