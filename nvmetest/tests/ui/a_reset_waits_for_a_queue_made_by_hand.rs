use nvmetest::CreateIoCq;
use nvmetest::prelude::*;

fn wrong(nvme: &mut Controller) -> Result {
    let mut cq = nvme.raw_completion_queue(CreateIoCq::contiguous(1, 4))?;
    nvme.reset()?;
    cq.ring(1)
}

fn main() {}
