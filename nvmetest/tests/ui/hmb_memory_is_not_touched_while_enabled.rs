use nvmetest::prelude::*;

fn touch(nvme: &Controller) -> Result {
    let mut part = nvme.buffer(1 << 20);
    let hmb = nvme.enable_hmb(vec![part])?;
    let byte = part[0];
    part.fill(byte);
    hmb.disable()?;
    Ok(())
}

fn main() {}
