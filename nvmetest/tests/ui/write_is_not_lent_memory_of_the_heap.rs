use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>) -> Result {
    ns.write(&vec![0; 512], 0).run(q)?;
    ns.write(&[0; 512], 0).run(q)?;
    Ok(())
}

fn main() {}
