use nvmetest::Format;
use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &Controller) -> Result {
    nvme.format(1, Format::default()).run()?;
    Ok(())
}

fn main() {}
