use nvmetest::prelude::*;

#[nvme_test]

fn test(nvme: &Controller, q: &Qpair<'_>) -> Result {
    nvme.get_features(7).run(q)?;
    Ok(())
}

fn main() {}
