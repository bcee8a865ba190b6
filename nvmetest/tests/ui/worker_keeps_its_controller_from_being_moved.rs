use nvmetest::prelude::*;

struct Session {
    nvme: Controller,
}

fn move_under_a_worker(nvme: Controller) -> Result<Session> {
    let worker = nvme.first_namespace()?.ioworker().count(1000).start()?;
    let session = Session { nvme };
    worker.join()?;
    Ok(session)
}

fn main() {}
