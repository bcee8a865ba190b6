use nvmetest::prelude::*;

fn end(nvme: Controller) -> Result {
    let events = nvme.events(1)?;
    drop(nvme);
    assert_eq!(events.outstanding(), 1);
    Ok(())
}

fn main() {}
