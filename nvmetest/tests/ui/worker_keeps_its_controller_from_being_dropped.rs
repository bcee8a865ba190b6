use nvmetest::prelude::*;

fn drop_under_a_worker(nvme: Controller) -> Result {
    let worker = nvme.first_namespace()?.ioworker().count(1000).start()?;
    drop(nvme);
    worker.join()?;
    Ok(())
}

fn main() {}
