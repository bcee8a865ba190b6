use nvmetest::IoWorker;
use nvmetest::prelude::*;

fn start() -> Result<IoWorker<'static>> {
    let nvme: Controller = open()?;
    let worker = nvme.first_namespace()?.ioworker().count(1000).start()?;
    Ok(worker)
}

fn open() -> Result<Controller> {
    unimplemented!()
}

fn main() {}
