use nvmetest::prelude::*;

fn look(nvme: &Controller) -> Result<u8> {
    let hmb = nvme.enable_hmb(vec![nvme.buffer(1 << 20)])?;
    let bytes: &[u8] = &hmb;
    Ok(bytes[0] ^ hmb[0])
}

fn main() {}
