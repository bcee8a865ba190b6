use nvmetest::Hmb;
use nvmetest::prelude::*;

fn keep() -> Result<Hmb<'static>> {
    let nvme: Controller = open()?;
    let hmb = nvme.enable_hmb(vec![nvme.buffer(1 << 20)])?;
    Ok(hmb)
}

fn open() -> Result<Controller> {
    unimplemented!()
}

fn main() {}
