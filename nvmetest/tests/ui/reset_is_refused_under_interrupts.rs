use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &mut Controller) -> Result {
    let interrupts = nvme.interrupts(1)?;
    nvme.reset()?;
    assert_eq!(interrupts.take(0), 0);
    Ok(())
}

fn main() {}
