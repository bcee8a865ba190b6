use nvmetest::Format;
use nvmetest::prelude::*;

fn format_under_a_worker(nvme: &mut Controller) -> Result {
    let worker = nvme.first_namespace()?.ioworker().count(1000).start()?;
    nvme.format(1, Format::default()).run()?;
    worker.join()?;
    Ok(())
}

fn main() {}
