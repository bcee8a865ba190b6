use nvmetest::prelude::*;

fn reset(nvme: &mut Controller) -> Result {
    let hmb = nvme.enable_hmb(vec![nvme.buffer(1 << 20)])?;
    nvme.reset()?;
    hmb.disable()?;
    Ok(())
}

fn reset_with_a_guard_that_is_only_dropped(nvme: &mut Controller) -> Result {
    let _hmb = nvme.enable_hmb(vec![nvme.buffer(1 << 20)])?;
    nvme.reset()
}

fn main() {}
