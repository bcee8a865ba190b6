use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &mut Controller) -> Result {
    let events = nvme.events(1)?;
    nvme.reset()?;
    assert_eq!(events.outstanding(), 1);
    Ok(())
}

fn main() {}
