use nvmetest::prelude::*;

fn reset_under_a_worker(nvme: &mut Controller) -> Result {
    let worker = nvme.first_namespace()?.ioworker().count(1000).start()?;
    nvme.reset()?;
    worker.join()?;
    Ok(())
}

fn main() {}
