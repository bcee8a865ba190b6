use nvmetest::prelude::*;

fn make(nvme: Controller) -> Result<Qpair<'static>> {
    nvme.qpair(8)
}

fn main() {}
