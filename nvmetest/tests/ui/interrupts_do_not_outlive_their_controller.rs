use nvmetest::prelude::*;

fn end(nvme: Controller) -> Result {
    let interrupts = nvme.interrupts(1)?;
    drop(nvme);
    assert_eq!(interrupts.take(0), 0);
    Ok(())
}

fn main() {}
