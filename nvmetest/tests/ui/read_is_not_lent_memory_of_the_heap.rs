use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>) -> Result {
    let mut heap = vec![0; 512];
    ns.read(&mut heap, 0).run(q)?;
    ns.read(&mut heap[..], 0).run(q)?;
    Ok(())
}

fn main() {}
