use nvmetest::prelude::*;

fn test(nvme: Controller) -> Result {
    nvme.keep_alive().run(nvme)?;
    Ok(())
}

fn main() {}
